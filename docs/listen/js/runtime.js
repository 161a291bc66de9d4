// The models, loaded and run by onnxruntime-web in WebAssembly on one thread (more would need headers that a plain web
// server does not send). Everything comes from this page's own folder.
import * as ort from "../vendor/onnxruntime-web/ort.wasm.bundle.min.mjs";

const ROOT = new URL("../", import.meta.url);
const RUNTIME = "vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm.gz";
const INPUT = "log_mel";

/** Fetch a file of this page's folder; the error names it. */
export async function fetchFile(path) {
  const response = await fetch(new URL(path, ROOT)).catch(() => null);
  if (!response?.ok) throw new Error(`${path} could not be loaded (${response ? response.status : "no connection"})`);
  return response;
}

/**
 * Load the runtime and every model that data/models.json lists.
 *
 * @returns {Promise<{definition: object, listening: string[], models: object[]}>}
 */
export async function loadModels() {
  const [definition, listed, packed] = await Promise.all([
    fetchFile("data/front-end.json").then((response) => response.json()),
    fetchFile("data/models.json").then((response) => response.json()),
    fetchFile(RUNTIME),
  ]);
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(await packed.arrayBuffer());
  const models = [];
  for (const entry of listed.models) models.push(await loadModel(entry, definition));
  return { definition, listening: listed.listening, models };
}

async function loadModel({ name, file, sha256, card }, definition) {
  const bytes = new Uint8Array(await (await fetchFile(file)).arrayBuffer());
  // Half a deployment must not pass for a model. Outside https and localhost browsers offer no hash.
  if (crypto.subtle && (await hash(bytes)) !== sha256) throw new Error(`${file} is not the file that its card describes`);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const { n_mels, window_frames } = definition.front_end;
  const outputs = card.heads.map((head) => head.output);
  const run = async (input) => {
    const answers = await session.run({ [INPUT]: new ort.Tensor("float32", input, [1, n_mels, window_frames]) }, outputs);
    return Object.fromEntries(outputs.map((output) => [output, answers[output].data]));
  };
  return { name, card, sha256, run };
}

/** Unpack gzip; a server that says how the file is packed has made the browser unpack it already. */
async function unpacked(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return buffer;
  return new Response(new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
