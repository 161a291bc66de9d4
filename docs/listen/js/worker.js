// The thread that listens: samples or frames in, results and episodes out, one message after the other.
import { Analysis } from "./analysis.js";
import { encode, FrontEnd } from "./front-end.js";
import { Gate } from "./gate.js";
import { Lines } from "./lines.js";
import { Resampler } from "./resample.js";
import { loadModels } from "./runtime.js";
import { Cutter } from "./windows.js";

let definition = null;
let analysis = null;
let stream = null;

const answers = {
  async load() {
    const loaded = await loadModels();
    ({ definition } = loaded);
    analysis = new Analysis(loaded.models, loaded.listening, definition.lines);
    const listed = {
      lines: analysis.lines.map(({ task, detector, typer }) => ({ task, head: detector.head, type: typer?.head ?? null })),
      others: analysis.others.map(({ head }) => head.task),
      models: loaded.models.map(({ card, sha256 }) => ({ card, sha256 })),
    };
    return { definition, listed };
  },
  /** Begin a stream; ``rate`` is that of the samples that will come, ``all`` whether to ask every model. */
  start({ rate, all }) {
    stream = {
      all,
      resampler: new Resampler(rate, definition.front_end.sample_rate),
      frontEnd: new FrontEnd(definition),
      gate: new Gate(definition.gate, definition.front_end.n_mels),
      cutter: new Cutter(definition),
      lines: new Lines(analysis.lines),
    };
    return {};
  },
  samples({ samples }) {
    return hear(encode(stream.frontEnd.push(stream.resampler.push(samples)), definition.front_end));
  },
  codes({ codes }) {
    return hear(codes);
  },
  async finish() {
    const frames = [stream.frontEnd.push(stream.resampler.finish()), stream.frontEnd.finish()];
    const told = [];
    for (const part of frames) told.push(await hear(encode(part, definition.front_end)));
    told.push(await conclude(stream.cutter.push(stream.gate.finish())));
    told.push(await conclude(stream.cutter.finish()));
    return {
      codes: told[1].codes.length ? told[1].codes : told[0].codes,
      results: told.flatMap(({ results }) => results),
      episodes: [...told.flatMap(({ episodes }) => episodes), ...stream.lines.finish()],
    };
  },
};

async function hear(codes) {
  return { codes, ...(await conclude(stream.cutter.push(stream.gate.push(codes)))) };
}

async function conclude(windows) {
  const results = [];
  const episodes = [];
  for (const window of windows) {
    const begun = performance.now();
    const result = await analysis.hear(window, stream.all);
    results.push({ ...result, milliseconds: performance.now() - begun });
    episodes.push(...stream.lines.advance(result));
  }
  return { results, episodes };
}

let turn = Promise.resolve(); // messages wait for each other: a network's answer takes a while
self.onmessage = ({ data: { number, kind, ...given } }) => {
  turn = turn.then(async () => {
    try {
      self.postMessage({ number, answer: await answers[kind](given) });
    } catch (error) {
      self.postMessage({ number, error: error.message });
    }
  });
};
