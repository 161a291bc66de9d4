// Power spectrum of real frames, in double precision: beside a loud tone, single precision is off by half a decibel
// near the floor.

/**
 * Make a function that takes the power spectrum of real frames.
 *
 * The frame is folded into a complex signal of half its length, transformed by a radix-2 FFT and unfolded.
 *
 * @param {number} size samples of a frame, a power of two
 * @returns {(frame: Float64Array, power: Float64Array) => void} reads (size,), writes (size / 2 + 1,)
 */
export function powerSpectrum(size) {
  const half = size / 2;
  const real = new Float64Array(half);
  const imaginary = new Float64Array(half);
  const cosine = new Float64Array(half + 1);
  const sine = new Float64Array(half + 1);
  for (let k = 0; k <= half; k += 1) {
    cosine[k] = Math.cos((2 * Math.PI * k) / size);
    sine[k] = -Math.sin((2 * Math.PI * k) / size);
  }
  const reversed = bitReversal(half);
  return (frame, power) => {
    for (let n = 0; n < half; n += 1) {
      real[reversed[n]] = frame[2 * n];
      imaginary[reversed[n]] = frame[2 * n + 1];
    }
    for (let span = 1; span < half; span *= 2) {
      const stride = half / span; // of the table, which is for twice as many points
      for (let begin = 0; begin < half; begin += 2 * span) {
        for (let k = 0; k < span; k += 1) {
          const c = cosine[k * stride];
          const s = sine[k * stride];
          const a = begin + k;
          const b = a + span;
          const re = real[b] * c - imaginary[b] * s;
          const im = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
    for (let k = 0; k <= half; k += 1) {
      const a = k % half;
      const b = (half - k) % half;
      const evenRe = (real[a] + real[b]) / 2;
      const evenIm = (imaginary[a] - imaginary[b]) / 2;
      const oddRe = (imaginary[a] + imaginary[b]) / 2;
      const oddIm = (real[b] - real[a]) / 2;
      const re = evenRe + oddRe * cosine[k] - oddIm * sine[k];
      const im = evenIm + oddRe * sine[k] + oddIm * cosine[k];
      power[k] = re * re + im * im;
    }
  };
}

function bitReversal(size) {
  const reversed = new Uint16Array(size);
  for (let i = 1, bits = Math.log2(size); i < size; i += 1) {
    reversed[i] = (reversed[i >> 1] >> 1) | ((i & 1) << (bits - 1));
  }
  return reversed;
}
