// Silence is not worth hearing: which frames pass, and floor in place of the others, as exclaim.gate has it.

export class Gate {
  /**
   * @param {object} options {enabled, threshold_code, hold_frames, preroll_frames}
   * @param {number} bands of a frame
   */
  constructor(options, bands) {
    this.options = options;
    this.bands = bands;
    this.held = new Uint8Array(0); // quiet frames that wait for a loud one
    this.sinceLoud = Infinity; // frames, counted to the last one that is held
  }

  /**
   * @param {Uint8Array} codes (n, 128) the next frames
   * @returns {Uint8Array} (m, 128) the frames that are decided; floor where they do not pass
   */
  push(codes) {
    const { bands, options } = this;
    const frames = joined(this.held, codes);
    const count = frames.length / bands;
    const passes = new Uint8Array(count);
    let lastLoud = this.held.length / bands - 1 - this.sinceLoud;
    for (let n = 0; n < count; n += 1) {
      if (this.#loud(frames, n)) lastLoud = n;
      passes[n] = !options.enabled || n - lastLoud <= options.hold_frames ? 1 : 0;
    }
    this.sinceLoud = count - 1 - lastLoud;
    for (let n = count - 1, next = Infinity; n >= 0; n -= 1) {
      if (this.#loud(frames, n)) next = n;
      if (next - n <= options.preroll_frames) passes[n] = 1;
    }
    // What does not pass waits while a loud frame may still come near enough; such frames are always the last.
    let decided = count;
    while (decided > Math.max(0, count - options.preroll_frames) && !passes[decided - 1]) decided -= 1;
    const given = frames.slice(0, decided * bands);
    for (let n = 0; n < decided; n += 1) if (!passes[n]) given.fill(0, n * bands, (n + 1) * bands);
    this.held = frames.slice(decided * bands);
    return given;
  }

  /** @returns {Uint8Array} the frames that wait at the end: nothing loud came, so they are floor */
  finish() {
    const rest = new Uint8Array(this.held.length);
    this.held = new Uint8Array(0);
    return rest;
  }

  #loud(frames, n) {
    for (let i = n * this.bands; i < (n + 1) * this.bands; i += 1) {
      if (frames[i] >= this.options.threshold_code) return true;
    }
    return false;
  }
}

function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
