// Everything that the page says.

export const PROBLEMS = {
  insecure:
    "Browsers lend the microphone only to pages opened over https, or from this same device as localhost. Open the page that way; sound files work here all the same.",
  unsupported: "This browser has no microphone for pages. A current Firefox, Safari or Chrome has; sound files work here all the same.",
  denied: "The microphone is not allowed for this page. Allow it in the browser's settings for this site, then press Listen again.",
  absent: "No microphone was found. Connect one, or choose a sound file.",
  busy: "The microphone could not be opened; another app may be using it. Close that app, then press Listen again.",
  lost: "The microphone was taken away: unplugged, or needed by a call. Press Listen to go on.",
  empty: "This file holds no sound.",
  undecodable: "This file could not be decoded. It may be damaged, or of a format that this browser does not know; a WAV file always works.",
  "too-long": "This file is too long to be decoded in one piece here. Save it as WAV, which is read piece by piece, or cut it.",
  "not-sound": "This file holds numbers that are not sound (NaN, or far beyond full scale). Export it again.",
  several: "Only the first of these files was opened.",
};

// What is detected: its name, the sentence while it is heard, and how several are counted.
const DETECTIONS = {
  "scream-detection": { name: "Scream", verdict: "A scream", many: "screams" },
  "speech-detection": { name: "Speech", verdict: "Speech", many: "stretches of speech" },
};

// What tells more of it, and what is asked besides.
const ATTRIBUTES = { "scream-type": "Its kind", "speech-emotion": "Emotion of speech" };
const OTHERS = { "vocal-burst": "Emotion, if a voice", "speech-emotion": "Emotion, if speech" };

const LABELS = {
  ANG: "anger",
  DIS: "disgust",
  FEA: "fear",
  HAP: "happiness",
  NEU: "neutral",
  SAD: "sadness",
};

export const NOT_SURE = "not sure";

// A task that is not listed here is shown by its own name.
export const detectionName = (task) => DETECTIONS[task]?.name ?? task;
export const attributeName = (task) => ATTRIBUTES[task] ?? task;
export const otherName = (task) => OTHERS[task] ?? task;

/** The sentence for what is heard now, or for nothing of it. */
export function verdictName(task) {
  return task === null ? "No scream" : (DETECTIONS[task]?.verdict ?? task);
}

/** What a file held, in words. */
export function countName(episodes) {
  const tasks = [...new Set(episodes.map(({ task }) => task))];
  const told = tasks.map((task) => {
    const { length } = episodes.filter((episode) => episode.task === task);
    const { name, many } = DETECTIONS[task] ?? { name: task, many: task };
    return length === 1 ? `one ${name.toLowerCase()}` : `${length} ${many}`;
  });
  return told.join(" and ") || "nothing that it knows";
}

/** A label as words, "not sure" where the model abstains. */
export function labelName(label) {
  return label === null ? NOT_SURE : (LABELS[label] ?? label.toLowerCase());
}

/** What was heard, in words. */
export function episodeName({ task, type }) {
  const name = detectionName(task);
  if (!type || type.windows === 0) return name;
  return `${name}, ${labelName(type.label)}`;
}

/** Why a microphone did not open, as a name of PROBLEMS. */
export function microphoneProblem(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "absent";
  return "busy";
}

/** Seconds as 0:07 or 1:02:03, with tenths where they matter. */
export function clock(seconds, tenths = false) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  const text = shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
  return tenths ? `${text}.${Math.floor((seconds - whole) * 10)}` : text;
}
