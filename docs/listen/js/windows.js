// Frames to windows on a fixed grid, as exclaim.windows has it: a window of 188 frames ends at frame 31, 62, 93 ... of the
// stream. What lies before its start or behind its end is floor.

export class Cutter {
  /** @param {object} definition data/front-end.json */
  constructor({ front_end, step_frames }) {
    this.frontEnd = front_end;
    this.step = step_frames;
    this.bands = front_end.n_mels;
    this.reach = front_end.window_frames - 1;
    this.codes = new Uint8Array(this.reach * this.bands); // the newest 187 frames
    this.next = 0; // number of the frame that comes next
  }

  /**
   * @param {Uint8Array} codes (n, 128) the next frames
   * @returns {{end: number, input: Float32Array, level: number}[]} windows: (128, 188) in [-1, 1], level in dB
   */
  push(codes) {
    const { bands, step } = this;
    const known = new Uint8Array(this.codes.length + codes.length); // row 0 is frame next - 187
    known.set(this.codes);
    known.set(codes, this.codes.length);
    const windows = [];
    const count = codes.length / bands;
    for (let end = Math.ceil(Math.max(this.next, step) / step) * step; end < this.next + count; end += step) {
      const begin = (end - this.next) * bands;
      windows.push({ end, ...this.#normalised(known.subarray(begin, begin + (this.reach + 1) * bands)) });
    }
    this.codes = known.slice(known.length - this.reach * bands);
    this.next += count;
    return windows;
  }

  /** Cut the window under way at the end, completed with floor. */
  finish() {
    const last = this.next - 1;
    if (last < 0) return [];
    const missing = last === 0 ? this.step : (this.step - (last % this.step)) % this.step;
    return this.push(new Uint8Array(missing * this.bands));
  }

  #normalised(window) {
    const { floor_db, range_db, reference_db, code_steps_per_db, window_frames } = this.frontEnd;
    const loudest = window.reduce((most, code) => Math.max(most, code), 0);
    const level = loudest / code_steps_per_db + floor_db;
    const reference = Math.max(level, reference_db);
    const values = Float32Array.from({ length: loudest + 1 }, (_, code) => {
      const scaled = Math.fround(code / code_steps_per_db + floor_db - reference) * Math.fround(2 / range_db);
      return Math.max(-1, Math.fround(Math.fround(scaled) + 1));
    });
    const input = new Float32Array(window.length);
    for (let frame = 0; frame < window_frames; frame += 1) {
      for (let band = 0; band < this.bands; band += 1) {
        input[band * window_frames + frame] = values[window[frame * this.bands + band]];
      }
    }
    return { input, level };
  }
}
