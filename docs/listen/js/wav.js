// WAV files: where the samples lie, and what their bytes mean.

const HEADER_BYTES = 1 << 16; // a header that is longer is read by the browser's own decoder
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const READERS = {
  [`${PCM}/8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${PCM}/16`]: (view, at) => view.getInt16(at, true) / 32768,
  [`${PCM}/24`]: (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8388608,
  [`${PCM}/32`]: (view, at) => view.getInt32(at, true) / 2147483648,
  [`${FLOAT}/32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT}/64`]: (view, at) => view.getFloat64(at, true),
};

/**
 * Read the header of a WAV file.
 *
 * @param {Blob} file any
 * @returns {Promise<object | null>} rate in Hz, seconds, channels, and where its samples lie; null where it is no WAV file
 *   of plain samples
 */
export async function readWavHeader(file) {
  const view = new DataView(await file.slice(0, HEADER_BYTES).arrayBuffer());
  if (view.byteLength < 12 || name(view, 0) !== "RIFF" || name(view, 8) !== "WAVE") return null;
  let format = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (name(view, at) === "fmt " && at + 24 <= view.byteLength) format = readFormat(view, at + 8, size);
    if (name(view, at) === "data") return format && withSamples(format, at + 8, size, file.size);
    at += 8 + size + (size % 2);
  }
  return null;
}

function readFormat(view, at, size) {
  let kind = view.getUint16(at, true);
  if (kind === EXTENSIBLE && size >= 26 && at + 26 <= view.byteLength) kind = view.getUint16(at + 24, true);
  const channels = view.getUint16(at + 2, true);
  const rate = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  const read = READERS[`${kind}/${bits}`];
  if (!read || channels === 0 || rate < 1000 || rate > 768000) return null;
  return { rate, channels, sampleBytes: bits / 8, frameBytes: (channels * bits) / 8, read };
}

/** Say where the samples lie. A writer that did not know the length puts 0 or a very large number. */
function withSamples(format, begin, size, fileBytes) {
  const claimed = size === 0 ? Infinity : begin + size;
  const frames = Math.floor((Math.min(claimed, fileBytes) - begin) / format.frameBytes);
  return { ...format, begin, end: begin + frames * format.frameBytes, seconds: frames / format.rate };
}

/**
 * Return the samples in some bytes, mixed down by the mean of the channels.
 *
 * @param {ArrayBuffer} bytes whole frames
 * @param {object} header of readWavHeader
 */
export function wavSamples(bytes, { channels, sampleBytes, frameBytes, read }) {
  const view = new DataView(bytes);
  const out = new Float32Array(Math.floor(bytes.byteLength / frameBytes));
  for (let n = 0; n < out.length; n += 1) {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += read(view, n * frameBytes + c * sampleBytes);
    out[n] = sum / channels;
  }
  return out;
}

function name(view, at) {
  return String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
}
