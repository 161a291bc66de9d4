// Window results to the episodes of one detection by hysteresis, as exclaim.episodes has it.
import { answer } from "./card.js";

export class Episodes {
  /**
   * @param {object} detection head that detects
   * @param {object | null} type head that tells the type of what is detected
   * @param {object} options exclaim.episodes.EpisodeOptions, with onset_frames
   */
  constructor(detection, type, options) {
    this.detection = detection;
    this.type = type;
    this.options = options;
    this.closedFrame = -1;
    this.sound = null; // under way: a row of windows that may open an episode, or the episode
  }

  /**
   * Take the next window.
   *
   * @param {{end: number, level: number, valid: boolean, detection: number | null, typeLogits: number[] | null}} result
   *   valid is false where the window says nothing, since it is another detection's
   * @returns {object[]} the revisions that matter: opened, changed, closed
   */
  advance(result) {
    const revisions = this.sound && (this.#over(result) || this.#full()) ? this.#close() : [];
    if (!this.#belongs(result)) return revisions;
    this.#extend(result);
    const { sound } = this;
    if (sound.revision === 0) {
      if (sound.windows >= this.options.min_windows) revisions.push(this.#open());
      return revisions;
    }
    const label = this.#steadyLabel();
    const rose = sound.probability >= sound.reported + this.options.probability_step;
    if (label !== sound.label || rose) {
      sound.label = label;
      sound.reported = sound.probability;
      sound.revision += 1;
      revisions.push(this.#episode("open"));
    }
    return revisions;
  }

  /** End what is under way, because the stream ended. */
  finish() {
    if (!this.sound) return [];
    const opened = this.sound.revision === 0 ? [this.#open()] : [];
    return [...opened, ...this.#close()];
  }

  #belongs({ valid, detection }) {
    if (!valid || detection === null) return false;
    const { on, off } = this.detection.thresholds;
    return detection >= (this.sound ? off : on);
  }

  /** Whether what is under way ended before a window: heard to be quiet for long enough, or not heard for 3 s more. */
  #over(result) {
    const patience = this.sound.revision > 0 ? this.options.refractory_frames : 0;
    const since = result.end - this.sound.last;
    if (!result.valid || this.#belongs(result)) return since > patience + this.options.window_frames;
    return since >= patience;
  }

  /** Whether an episode has as many windows as one may have. */
  #full() {
    return this.options.max_windows !== null && this.sound.windows >= this.options.max_windows;
  }

  #extend({ end, level, detection, typeLogits }) {
    this.sound ??= {
      onset: Math.max(0, this.closedFrame + 1, end - this.options.onset_frames),
      windows: 0,
      probability: 0,
      level,
      typeSum: null,
      typeWindows: 0,
      revision: 0,
      reported: 0,
      label: null,
    };
    const { sound } = this;
    sound.last = end;
    sound.windows += 1;
    sound.probability = Math.max(sound.probability, detection);
    sound.level = Math.max(sound.level, level);
    if (typeLogits) {
      sound.typeSum = typeLogits.map((logit, i) => logit + (sound.typeSum?.[i] ?? 0));
      sound.typeWindows += 1;
    }
  }

  #open() {
    const { sound } = this;
    sound.revision = 1;
    sound.reported = sound.probability;
    sound.label = this.#pooled().label;
    return this.#episode("open");
  }

  #close() {
    const { sound } = this;
    if (sound.revision === 0) {
      this.sound = null;
      return [];
    }
    sound.revision += 1;
    sound.label = this.#pooled().label;
    const closed = this.#episode("closed");
    this.closedFrame = sound.last;
    this.sound = null;
    return [closed];
  }

  #pooled() {
    const { typeSum, typeWindows } = this.sound;
    if (!this.type || typeWindows === 0) return { probabilities: [], label: null };
    return answer(
      this.type,
      typeSum.map((sum) => sum / typeWindows),
    );
  }

  /** The pooled label, or the last one where the lead is too small for a change. */
  #steadyLabel() {
    const { probabilities, label } = this.#pooled();
    const last = this.sound.label;
    if (label === last || probabilities.length === 0) return last;
    const margin = this.options.type_margin;
    const best = Math.max(...probabilities);
    let changes;
    if (label === null) changes = best < this.type.abstain_below - margin;
    else if (last === null) changes = best >= Math.min(1, this.type.abstain_below + margin);
    else changes = best - probabilities[this.type.labels.indexOf(last)] >= margin;
    return changes ? label : last;
  }

  #episode(state) {
    const { sound } = this;
    return {
      task: this.detection.task,
      state,
      revision: sound.revision,
      onset: sound.onset,
      last: sound.last,
      probability: sound.probability,
      level: sound.level,
      type: this.type && { label: sound.label, probabilities: this.#pooled().probabilities, windows: sound.typeWindows },
    };
  }
}
