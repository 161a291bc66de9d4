// Several detections in one stream, as exclaim.lines has it: each is a line of its own, from the heads of models to
// episodes, and speech yields to bursts: a window in which a burst is detected says nothing of speech.
import { Episodes } from "./episodes.js";

const ATTRIBUTES = ["type", "emotion"]; // of what "X-detection" detects: "X-type" or "X-emotion"

/**
 * Return the lines that models make, those that yield last.
 *
 * @param {{name: string, card: object}[]} models that make episodes
 * @param {object} rules data/front-end.json's "lines"
 * @returns {{task: string, detector: object, typer: object | null, yields: boolean, options: object}[]} detector and typer
 *   are {model, head}
 */
export function linesOf(models, rules) {
  const heads = models.flatMap((model) => model.card.heads.map((head) => ({ model, head })));
  const lines = heads
    .filter(({ head }) => head.thresholds)
    .map((detector) => {
      const { task } = detector.head;
      const wanted = ATTRIBUTES.map((attribute) => `${task.replace(/-detection$/, "")}-${attribute}`);
      const yields = task === rules.yielding;
      return {
        task,
        detector,
        typer: heads.find(({ head }) => wanted.includes(head.task) && !head.thresholds) ?? null,
        yields,
        options: yields ? rules.yielding_options : rules.options,
      };
    });
  return lines.sort((a, b) => a.yields - b.yields);
}

export class Lines {
  /** @param {object[]} lines of linesOf */
  constructor(lines) {
    this.lines = lines.map((line) => ({
      ...line,
      episodes: new Episodes(line.detector.head, line.typer?.head ?? null, line.options),
    }));
  }

  /**
   * Take the next window.
   *
   * @param {{end: number, level: number, burst: boolean, answers: object}} result of analysis.js
   * @returns {object[]} revisions
   */
  advance({ end, level, burst, answers }) {
    return this.lines.flatMap(({ task, yields, episodes }) => {
      const { detection = null, typeLogits = null } = answers[task] ?? {};
      return episodes.advance({ end, level, valid: !(yields && burst), detection, typeLogits });
    });
  }

  finish() {
    return this.lines.flatMap(({ episodes }) => episodes.finish());
  }
}
