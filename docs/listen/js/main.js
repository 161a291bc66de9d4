// The page: from a press of the button, or a file, to what is shown.
import { Listener } from "./listener.js";
import { microphoneMissing, openMicrophone } from "./microphone.js";
import { openSoundFile, SoundError } from "./sound-file.js";
import { Spectrogram } from "./spectrogram.js";
import * as view from "./view.js";
import { countName, episodeName, microphoneProblem } from "./words.js";

const listener = new Listener();
const button = document.getElementById("listen");
const chooser = document.getElementById("file");
const drop = document.getElementById("drop");
const page = { state: "idle", stop: null, spectrogram: null, definition: null, lines: [], loading: null, frameSeconds: 0, open: new Set() };

button.addEventListener("click", () => (page.state === "idle" ? listenLive() : page.stop?.()));
chooser.addEventListener("change", () => {
  const [file] = chooser.files;
  if (file) listenToFile(file);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("dragging");
});
document.addEventListener("dragleave", () => drop.classList.remove("dragging"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("dragging");
  const [file] = event.dataTransfer.files;
  if (file && page.state === "idle") listenToFile(file);
});

view.showStatus("Getting ready …");
prepare().then(
  () => page.state === "idle" && view.showStatus("Ready."),
  () => {},
);
navigator.serviceWorker?.register("service-worker.js", { updateViaCache: "none" }).catch(() => {}); // works without, online

/** Wait until the models are there; after a failure, try again. */
async function prepare() {
  if (page.definition) return;
  try {
    page.loading ??= listener.load();
    const { definition, listed } = await page.loading;
    page.definition = definition;
    page.frameSeconds = definition.front_end.hop_length / definition.front_end.sample_rate;
    page.lines = listed.lines;
    page.spectrogram = new Spectrogram(document.getElementById("spectrogram"), definition.front_end);
    view.showModels(listed);
  } catch (error) {
    page.loading = null;
    view.showStatus("");
    view.showProblem(`The page could not get ready: ${error.message}. Check the connection and press Listen again.`);
    throw error;
  }
}

async function listenLive() {
  const missing = microphoneMissing();
  if (missing) {
    view.showProblem(missing);
    return;
  }
  if (!(await begin("live"))) return;
  const stream = { started: new Date(), frames: 0 };
  const { front_end } = page.definition;
  const take = (codes) => {
    stream.frames += codes.length / front_end.n_mels;
    showFrames(codes);
    listener.codes(codes).then((answer) => show(answer, stream), fail);
  };
  let lost = false;
  const onLost = () => {
    lost = true;
    page.stop?.();
  };
  let close;
  try {
    await listener.start(front_end.sample_rate, true);
    close = await openMicrophone(page.definition, take, onLost);
  } catch (error) {
    end("");
    view.showProblem(microphoneProblem(error));
    return;
  }
  stream.started = new Date();
  view.showStatus("Listening.");
  await stopped();
  await close();
  await listener.finish().then((answer) => show(answer, stream), fail);
  end(lost ? "" : "Stopped.");
  if (lost) view.showProblem("lost");
}

async function listenToFile(file) {
  if (!(await begin("file"))) return;
  const { front_end } = page.definition;
  const stream = { started: null, frames: 0, closed: [] };
  let halted = false;
  stopped().then(() => (halted = true));
  view.showStatus(`Hearing ${file.name}.`);
  view.showProgress(0, 1);
  try {
    const sound = await openSoundFile(file, front_end.sample_rate);
    await listener.start(sound.rate, false);
    let samples = 0;
    for await (const piece of sound.pieces) {
      if (halted) break;
      samples += piece.length;
      take(await listener.samples(piece));
      view.showProgress(samples / sound.rate, sound.seconds);
    }
    take(await listener.finish());
    end(halted ? "Stopped." : `${file.name} is heard to its end: ${countName(stream.closed)}.`);
  } catch (error) {
    end("");
    view.showProblem(error instanceof SoundError ? error.reason : `This file could not be heard: ${error.message}`);
  }

  function take(answer) {
    stream.closed.push(...answer.episodes.filter(({ state }) => state === "closed"));
    stream.frames += answer.codes.length / front_end.n_mels;
    showFrames(answer.codes);
    show(answer, stream);
  }
}

/** Leave idle for a stream, once everything is loaded. */
async function begin(state) {
  if (page.state !== "idle") return false;
  page.state = state;
  page.open.clear();
  view.showProblem(null);
  view.showState(state);
  view.clearEpisodes();
  try {
    if (!page.definition) view.showStatus("Getting ready …");
    await prepare();
  } catch {
    page.state = "idle";
    view.showState("idle");
    return false;
  }
  page.spectrogram.clear();
  return true;
}

function end(status) {
  page.state = "idle";
  page.stop = null;
  chooser.value = ""; // so that the same file may be chosen again
  view.showState("idle");
  view.showNothing();
  view.showStatus(status);
}

/** Wait until the button is pressed again. */
function stopped() {
  return new Promise((resolve) => {
    page.stop = resolve;
  });
}

function fail(error) {
  view.showProblem(`Listening failed: ${error.message}`);
  page.stop?.();
}

function showFrames(codes) {
  const { n_mels, floor_db, code_steps_per_db } = page.definition.front_end;
  if (codes.length === 0) return;
  page.spectrogram.push(codes);
  const newest = codes.subarray(-8 * n_mels);
  view.showLevel(newest.reduce((most, code) => Math.max(most, code), 0) / code_steps_per_db + floor_db);
}

function show({ results, episodes }, { started, frames }) {
  for (const episode of episodes) {
    if (episode.state === "open") page.open.add(episode.task);
    else page.open.delete(episode.task);
    view.showEpisode(episode, page.frameSeconds, started, frames * page.frameSeconds);
    if (started && episode.revision === 1) view.showStatus(`Listening. ${episodeName(episode)} heard.`);
  }
  if (results.length > 0 && page.state !== "idle") view.showNow(results.at(-1), page.lines, page.open);
}
