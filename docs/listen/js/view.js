// What the page shows; it decides nothing.
import { attributeName, clock, detectionName, episodeName, labelName, NOT_SURE, otherName, PROBLEMS, verdictName } from "./words.js";

const MOST_EPISODES = 20;
const LEVEL_FLOOR = -60; // dB where the level's bar is empty
const LEVEL_FULL = 30; // and where it is full

const element = (id) => document.getElementById(id);

/** Say in a sentence what the page is doing; a screen reader reads it. */
export function showStatus(text) {
  element("status").textContent = text;
}

/** Show a problem by its name in words.js, or a sentence as it is; nothing for null. */
export function showProblem(problem) {
  element("problem").hidden = problem === null;
  element("problem").textContent = problem === null ? "" : (PROBLEMS[problem] ?? problem);
}

/** @param {"idle" | "live" | "file"} state */
export function showState(state) {
  const busy = state !== "idle";
  element("listen").textContent = busy ? "Stop" : "Listen";
  element("listen").dataset.state = busy ? "on" : "off";
  element("choose").setAttribute("aria-disabled", String(busy));
  element("file").disabled = busy;
  element("working").hidden = state !== "file";
}

export function showProgress(heard, seconds) {
  element("progress").value = Math.min(1, heard / seconds);
  element("position").textContent = `${clock(Math.min(heard, seconds))} of ${clock(seconds)}`;
}

/** Show the level of the newest frames in dB. */
export function showLevel(level) {
  element("level").textContent = `${Math.round(level)} dB`;
  setBar("level-bar", (level - LEVEL_FLOOR) / (LEVEL_FULL - LEVEL_FLOOR));
}

/**
 * Show what is heard now.
 *
 * @param {object} result of the newest window
 * @param {object[]} lines what detects, and its thresholds
 * @param {Set<string>} open tasks of the episodes under way, which a lower probability keeps up
 */
export function showNow({ answers, others }, lines, open) {
  const heard = lines.filter(({ task, head }) => {
    const { on, off } = head.thresholds;
    return task in answers && answers[task].detection >= (open.has(task) ? off : on);
  });
  const quiet = Object.keys(answers).length === 0;
  element("now").dataset.heard = heard.length > 0 ? heard[0].task : "nothing";
  element("verdict").textContent = quiet ? "Quiet" : verdictName(heard[0]?.task ?? null);
  for (const { task } of lines) {
    const { detection = null, type = null } = answers[task] ?? {};
    element(`${task}-value`).textContent = detection === null ? "–" : detection.toFixed(2);
    setBar(`${task}-bar`, detection ?? 0);
    setText(`${task}-type`, type && heard.some((line) => line.task === task) ? withProbability(type) : "–");
  }
  for (const row of element("others").querySelectorAll("dd")) {
    const other = others.find(({ task }) => task === row.dataset.task);
    row.textContent = other ? withProbability(other) : "–";
  }
}

export function showNothing() {
  element("now").dataset.heard = "nothing";
  element("verdict").textContent = "Not listening";
  for (const value of element("now").querySelectorAll("dd")) (value.querySelector("span") ?? value).textContent = "–";
  for (const bar of element("now").querySelectorAll(".bar i")) bar.style.transform = "scaleX(0)";
}

/** Make the rows of what is detected, of what tells more of it and of what is asked besides, and name the models. */
export function showModels({ lines, others, models }) {
  element("lines").replaceChildren(
    ...lines.flatMap(({ task, type }) => {
      const value = make("span", "–");
      value.id = `${task}-value`;
      const bar = make("span", "");
      bar.className = "bar";
      bar.append(make("i", ""));
      bar.firstChild.id = `${task}-bar`;
      const kind = make("dd", "–");
      kind.id = `${task}-type`;
      const detection = make("dd", "");
      detection.append(value, bar);
      return [row(detectionName(task), detection), ...(type ? [row(attributeName(type.task), kind)] : [])];
    }),
  );
  element("others").replaceChildren(
    ...others.map((task) => {
      const value = make("dd", "–");
      value.dataset.task = task;
      return row(otherName(task), value);
    }),
  );
  element("models").replaceChildren(
    ...models.map(({ card, sha256 }) => {
      const corpora = card.corpora.map(({ name, licence }) => `${name} (${licence})`).join(", ");
      return make("li", `${card.name} ${card.version}, ${sha256.slice(0, 12)}; trained on ${corpora || "nothing that its card names"}`);
    }),
  );
}

/** Forget the episodes of the stream before. */
export function clearEpisodes() {
  element("episodes").replaceChildren();
  element("none").hidden = false;
}

/**
 * Show an episode, or its next revision, newest first.
 *
 * @param {object} episode of episodes.js
 * @param {number} frameSeconds length of a frame's step
 * @param {Date | null} started when a live stream began; null for a file
 * @param {number} seconds heard so far
 */
export function showEpisode(episode, frameSeconds, started, seconds) {
  const { task, onset, last, probability, level, state, type } = episode;
  const list = element("episodes");
  const item = list.querySelector(`[data-onset="${onset}"][data-task="${task}"]`) ?? document.createElement("li");
  const from = onset * frameSeconds;
  const length = Math.min(seconds, (last + 1) * frameSeconds) - from;
  const place = started ? new Date(started.getTime() + 1000 * from) : null;
  const when = make("time", place ? place.toLocaleTimeString() : `at ${clock(from, true)}`);
  if (place) when.dateTime = place.toISOString();
  const what = make("span", episodeName(episode));
  what.className = "what";
  const kind = type && type.windows > 0 && type.probabilities.length ? `, kind ${Math.max(...type.probabilities).toFixed(2)}` : "";
  const lasts = state === "open" ? "still going on" : `${length.toFixed(1)} s`;
  const more = make("span", `${lasts}, probability ${probability.toFixed(2)}${kind}, ${Math.round(level)} dB`);
  more.className = "more";
  Object.assign(item.dataset, { task, onset, last, probability, state, type: type?.label ?? "" });
  item.replaceChildren(what, when, more);
  if (!item.isConnected) list.prepend(item);
  while (list.children.length > MOST_EPISODES) list.lastElementChild.remove();
  element("none").hidden = true;
}

function withProbability({ label, probabilities }) {
  const probability = Math.max(...probabilities).toFixed(2);
  return label === null ? NOT_SURE : `${labelName(label)}, ${probability}`;
}

function setBar(id, share) {
  element(id).style.transform = `scaleX(${Math.min(Math.max(share, 0), 1)})`;
}

function setText(id, text) {
  const found = element(id);
  if (found) found.textContent = text;
}

function row(title, value) {
  const made = document.createElement("div");
  made.append(make("dt", title), value);
  return made;
}

function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
