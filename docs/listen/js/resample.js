// Any sample rate to 16 kHz: a sinc in a Kaiser window, in phases. Its three figures were fitted to the impulse response of
// the resampler that Python uses (soxr, quality HQ): flat up to 0.913 of the lower Nyquist frequency, nothing above it.

const CUTOFF = 0.956872; // half the amplitude, as a share of the lower Nyquist frequency
const BETA = 13.04; // of the Kaiser window
const HALF_LENGTH = 97.25; // of the window, in samples of the lower rate
const MOST_PHASES = 1024; // rates without a small common factor with 16 kHz take the nearest phase

export class Resampler {
  /**
   * @param {number} from rate of the samples that come, in Hz
   * @param {number} to rate of the samples that go, in Hz
   */
  constructor(from, to) {
    this.same = from === to;
    if (this.same) return;
    const factor = divisor(Math.round(from), Math.round(to));
    this.up = Math.round(to) / factor;
    this.down = Math.round(from) / factor;
    const lower = Math.min(from, to) / from;
    this.reach = Math.ceil(HALF_LENGTH / lower); // input samples on either side
    this.phases = Math.min(this.up, MOST_PHASES);
    this.taps = filters(this.phases, this.reach, lower);
    this.held = new Float64Array(this.reach); // silence before the first sample
    this.first = -this.reach; // number of the input sample that is held[0]
    this.given = 0; // output samples given so far
    this.taken = 0; // input samples taken so far
  }

  /**
   * @param {Float32Array} samples the next ones
   * @returns {Float32Array} what they complete
   */
  push(samples) {
    if (this.same) return samples;
    this.taken += samples.length;
    return this.#filtered(samples, Math.floor(((this.taken - 1 - this.reach) * this.up) / this.down) + 1);
  }

  /** @returns {Float32Array} the last samples, those that reach into the silence behind the end */
  finish() {
    if (this.same || this.taken === 0) return new Float32Array(0);
    const whole = Math.max(1, Math.round((this.taken * this.up) / this.down));
    return this.#filtered(new Float32Array(this.reach + 1), whole);
  }

  #filtered(samples, until) {
    const joined = new Float64Array(this.held.length + samples.length);
    joined.set(this.held);
    joined.set(samples, this.held.length);
    const out = new Float32Array(Math.max(0, until - this.given));
    const width = 2 * this.reach + 1;
    for (let i = 0; i < out.length; i += 1) {
      const position = (this.given + i) * this.down;
      let whole = Math.floor(position / this.up);
      let phase = Math.round(((position - whole * this.up) * this.phases) / this.up);
      if (phase === this.phases) {
        phase = 0;
        whole += 1;
      }
      const begin = whole - this.reach - this.first;
      const tap = phase * width;
      let sum = 0;
      for (let k = 0; k < width; k += 1) sum += joined[begin + k] * this.taps[tap + k];
      out[i] = sum;
    }
    this.given += out.length;
    const next = Math.floor((this.given * this.down) / this.up) - this.reach; // the first that is still needed
    const keep = Math.min(Math.max(0, next - this.first), joined.length);
    this.held = joined.slice(keep);
    this.first += keep;
    return out;
  }
}

/** Return the filter of each phase, (phases, 2 reach + 1): tap k is for the input sample k - reach. */
function filters(phases, reach, lower) {
  const width = 2 * reach + 1;
  const taps = new Float64Array(phases * width);
  const cutoff = CUTOFF * lower;
  for (let phase = 0; phase < phases; phase += 1) {
    for (let k = 0; k < width; k += 1) {
      const t = k - reach - phase / phases; // input samples from the middle
      const edge = 1 - ((t * lower) / HALF_LENGTH) ** 2;
      const sinc = t === 0 ? cutoff : Math.sin(Math.PI * cutoff * t) / (Math.PI * t);
      taps[phase * width + k] = edge > 0 ? (sinc * bessel(BETA * Math.sqrt(edge))) / bessel(BETA) : 0;
    }
  }
  return taps;
}

/** The modified Bessel function of order zero, by its series. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-17 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}
