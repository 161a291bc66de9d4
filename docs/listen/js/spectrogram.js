// The last seconds of sound as a picture: a column for each frame, low bands at the bottom, loud is bright.

const SECONDS = 6;
// Stops of a scale whose lightness rises evenly, so that it reads without colour too.
const STOPS = [
  [0, 0, 4],
  [40, 11, 84],
  [101, 21, 110],
  [159, 42, 99],
  [212, 72, 66],
  [245, 125, 21],
  [250, 193, 39],
  [252, 255, 164],
];

export class Spectrogram {
  /**
   * @param {HTMLCanvasElement} canvas to draw on
   * @param {object} frontEnd the constants
   */
  constructor(canvas, { sample_rate, hop_length, n_mels, floor_db, code_steps_per_db }) {
    this.bands = n_mels;
    this.columns = Math.round((SECONDS * sample_rate) / hop_length);
    canvas.width = this.columns;
    canvas.height = n_mels;
    this.context = canvas.getContext("2d");
    this.image = this.context.createImageData(this.columns, n_mels);
    this.pixels = new Uint32Array(this.image.data.buffer);
    const quiet = (-65 - floor_db) * code_steps_per_db; // what is softer is black
    const loud = (15 - floor_db) * code_steps_per_db;
    this.colours = Uint32Array.from({ length: 256 }, (_, code) => colour((code - quiet) / (loud - quiet)));
    this.waiting = [];
    this.scheduled = false;
    this.clear();
  }

  clear() {
    this.waiting = [];
    this.pixels.fill(this.colours[0]);
    this.context.putImageData(this.image, 0, 0);
  }

  /** @param {Uint8Array} codes (n, 128) the next frames; drawn with the screen's next picture */
  push(codes) {
    this.waiting.push(codes.slice(-this.columns * this.bands));
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.scheduled = false;
    for (const codes of this.waiting) this.#append(codes);
    this.waiting = [];
    this.context.putImageData(this.image, 0, 0);
  }

  #append(codes) {
    const count = codes.length / this.bands;
    for (let band = 0; band < this.bands; band += 1) {
      const row = (this.bands - 1 - band) * this.columns;
      this.pixels.copyWithin(row, row + count, row + this.columns);
      for (let n = 0; n < count; n += 1) {
        this.pixels[row + this.columns - count + n] = this.colours[codes[n * this.bands + band]];
      }
    }
  }
}

/** A colour of the scale as the canvas stores it: alpha, blue, green, red. */
function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const stop = Math.min(Math.floor(place), STOPS.length - 2);
  const [red, green, blue] = STOPS[stop].map((value, i) => Math.round(value + (STOPS[stop + 1][i] - value) * (place - stop)));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
