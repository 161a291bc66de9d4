// The log-mel front-end, streaming: samples at 16 kHz in, frames of 128 bands in dB out. The definition, the constants and
// the filterbank are Python's (exclaim.features); data/front-end.json holds them.
import { powerSpectrum } from "./fft.js";

export class FrontEnd {
  /** @param {object} definition data/front-end.json */
  constructor({ front_end, filterbank }) {
    this.size = front_end.n_fft;
    this.hop = front_end.hop_length;
    this.bands = front_end.n_mels;
    this.floor = front_end.floor_db;
    this.floorPower = 10 ** (front_end.floor_db / 10);
    this.filters = filterbank.map(({ first, weights }) => ({ first, weights: Float64Array.from(weights) }));
    this.hann = Float64Array.from({ length: this.size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / this.size));
    this.spectrum = powerSpectrum(this.size);
    this.power = new Float64Array(this.size / 2 + 1);
    this.frame = new Float64Array(this.size);
    this.tail = new Float64Array(this.size / 2); // half a window of silence: frame 0 is centred on sample 0
    this.samples = 0; // seen so far
    this.frames = 0; // given out so far
  }

  /**
   * @param {Float32Array} samples the next ones, in [-1, 1]; any number
   * @returns {Float32Array} (n, 128) dB, the frames that they complete
   */
  push(samples) {
    const joined = new Float64Array(this.tail.length + samples.length);
    joined.set(this.tail);
    joined.set(samples, this.tail.length);
    const count = joined.length < this.size ? 0 : 1 + Math.floor((joined.length - this.size) / this.hop);
    const out = this.#transformed(joined, count);
    this.tail = joined.slice(count * this.hop);
    this.samples += samples.length;
    return out;
  }

  /** @returns {Float32Array} (n, 128) dB, the last frames, which reach into the silence behind the end */
  finish() {
    const whole = this.samples === 0 ? 0 : 1 + Math.floor(this.samples / this.hop);
    const joined = new Float64Array(this.tail.length + this.size / 2);
    joined.set(this.tail);
    return this.#transformed(joined, Math.max(0, whole - this.frames));
  }

  #transformed(samples, count) {
    const out = new Float32Array(count * this.bands);
    for (let n = 0; n < count; n += 1) {
      for (let i = 0; i < this.size; i += 1) this.frame[i] = samples[n * this.hop + i] * this.hann[i];
      this.spectrum(this.frame, this.power);
      for (let band = 0; band < this.bands; band += 1) {
        const { first, weights } = this.filters[band];
        let sum = 0;
        for (let i = 0; i < weights.length; i += 1) sum += weights[i] * this.power[first + i];
        out[n * this.bands + band] = Math.max(this.floor, 10 * Math.log10(Math.max(sum, this.floorPower)));
      }
    }
    this.frames += count;
    return out;
  }
}

/**
 * Code dB as bytes.
 *
 * @param {Float32Array} frames dB
 * @param {object} frontEnd the constants
 * @returns {Uint8Array} steps above the floor
 */
export function encode(frames, { floor_db, code_steps_per_db }) {
  const codes = new Uint8ClampedArray(frames.length); // rounds halves to even and clamps, as Python does
  for (let i = 0; i < frames.length; i += 1) codes[i] = (frames[i] - floor_db) * code_steps_per_db;
  return new Uint8Array(codes.buffer);
}
