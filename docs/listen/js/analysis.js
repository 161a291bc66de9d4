// What the models say of windows, as exclaim.listen.Analysis has it: what tells more of a detection is asked only where
// that reaches its off threshold, speech only where no burst is detected, and nothing where a window lies below the level
// floor of a model's card.
import { answer } from "./card.js";
import { linesOf } from "./lines.js";

const DECIMALS = 1e4; // Python rounds alike, so that a network's last bits change no episode

export class Analysis {
  /**
   * @param {{name: string, card: object, run: (input: Float32Array) => Promise<object>}[]} models loaded
   * @param {string[]} listening names of those that make episodes; the others are asked for the eye only
   * @param {object} rules data/front-end.json's "lines"
   */
  constructor(models, listening, rules) {
    this.lines = linesOf(
      models.filter(({ name }) => listening.includes(name)),
      rules,
    );
    this.others = models
      .filter(({ name }) => !listening.includes(name))
      .flatMap((model) => model.card.heads.map((head) => ({ model, head })))
      .filter(({ model, head }) => head.task === model.name); // a model's further heads answer what another model does
  }

  /**
   * Ask the models about a window.
   *
   * @param {{end: number, input: Float32Array, level: number}} window of windows.js
   * @param {boolean} all whether to ask the models besides, too
   */
  async hear({ end, input, level }, all) {
    const result = { end, level, burst: false, answers: {}, others: [] };
    const said = new Map(); // a model answers a window once, whatever its heads
    const ask = async ({ model, head }) => {
      if (level < model.card.level_floor_db) return null;
      if (!said.has(model)) said.set(model, await model.run(input));
      return said.get(model)[head.output];
    };
    let speech = false;
    for (const { task, detector, typer, yields } of this.lines) {
      if (yields && result.burst) continue;
      const logits = await ask(detector);
      if (!logits) continue;
      const detection = rounded(answer(detector.head, logits).probabilities[1]);
      const { on, off } = detector.head.thresholds;
      const typeLogits = typer && detection >= off ? await ask(typer) : null;
      const heard = typeLogits && Array.from(typeLogits, rounded);
      result.answers[task] = { detection, typeLogits: heard, type: heard && answer(typer.head, heard) };
      if (detection >= on && yields) speech = true;
      if (detection >= on && !yields) result.burst = true;
    }
    for (const other of all && !speech ? this.others : []) {
      const logits = await ask(other);
      if (logits) result.others.push({ task: other.head.task, ...answer(other.head, logits) });
    }
    return result;
  }
}

function rounded(value) {
  return Math.round(value * DECIMALS) / DECIMALS;
}
