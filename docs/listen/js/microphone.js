// The microphone, and any other source of sound, through the AudioWorklet.

const WORKLET = new URL("./worklet.js", import.meta.url);
const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // they would change a scream

/** What keeps this browser from using a microphone here, as a name of words.js; null where nothing does. */
export function microphoneMissing() {
  if (!globalThis.isSecureContext) return "insecure";
  return navigator.mediaDevices?.getUserMedia && globalThis.AudioWorkletNode ? null : "unsupported";
}

/**
 * Make the front-end's node.
 *
 * @param {BaseAudioContext} context where sound comes from
 * @param {object} definition data/front-end.json
 * @param {(codes: Uint8Array) => void} onCodes called with the next frames, (n, 128)
 * @returns {Promise<{node: AudioWorkletNode, finish: () => Promise<void>}>}
 */
export async function logMelNode(context, definition, onCodes) {
  await context.audioWorklet.addModule(WORKLET);
  const node = new AudioWorkletNode(context, "log-mel", { numberOfOutputs: 0, processorOptions: definition });
  const ended = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => (data.ended ? resolve() : onCodes(data.codes));
  });
  const finish = () => {
    node.port.postMessage("finish");
    return ended;
  };
  return { node, finish };
}

/**
 * Open the microphone.
 *
 * @param {object} definition data/front-end.json
 * @param {(codes: Uint8Array) => void} onCodes called with the next frames
 * @param {() => void} onLost called when the system takes the microphone away
 * @returns {Promise<() => Promise<void>>} a function that closes it, after the last frames
 */
export async function openMicrophone(definition, onCodes, onLost) {
  const sound = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, ...PLAIN } });
  const context = new AudioContext();
  try {
    await context.resume();
    const { node, finish } = await logMelNode(context, definition, onCodes);
    const source = context.createMediaStreamSource(sound);
    source.connect(node);
    for (const track of sound.getTracks()) track.onended = onLost;
    const screen = await stayAwake();
    return async () => {
      source.disconnect();
      for (const track of sound.getTracks()) track.stop();
      await Promise.race([finish(), new Promise((resolve) => setTimeout(resolve, 500))]); // a suspended context is silent
      await context.close();
      await screen?.release().catch(() => {});
    };
  } catch (error) {
    for (const track of sound.getTracks()) track.stop();
    await context.close();
    throw error;
  }
}

/** A phone whose screen goes dark stops listening. */
async function stayAwake() {
  try {
    return await navigator.wakeLock?.request("screen");
  } catch {
    return null;
  }
}
