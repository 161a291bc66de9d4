// A sound file in pieces, mono. A WAV file is read piece by piece, in memory that does not grow with its length; of any
// other format browsers offer only to decode the whole, which is done straight to 16 kHz.
import { readWavHeader, wavSamples } from "./wav.js";

const PIECE_SECONDS = 10;
const LOUDEST = 1000; // a file of real numbers that is louder holds integers, or damage

/**
 * Open a file that a person chose.
 *
 * @param {Blob} file any
 * @param {number} rate in Hz that decoded formats are brought to
 * @returns {Promise<{rate: number, seconds: number, pieces: AsyncIterable<Float32Array>}>}
 * @throws {SoundError} with a reason that words.js knows
 */
export async function openSoundFile(file, rate) {
  if (file.size === 0) throw new SoundError("empty");
  const header = await readWavHeader(file);
  const sound = header ? { ...header, pieces: wavPieces(file, header) } : await decoded(file, rate);
  if (!(sound.seconds > 0)) throw new SoundError("empty");
  return sound;
}

export class SoundError extends Error {
  /** @param {string} reason a name of words.js */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

async function* wavPieces(file, header) {
  const size = Math.max(1, PIECE_SECONDS * header.rate) * header.frameBytes;
  for (let begin = header.begin; begin < header.end; begin += size) {
    const bytes = await file.slice(begin, Math.min(begin + size, header.end)).arrayBuffer();
    yield checked(wavSamples(bytes, header));
  }
}

async function decoded(file, rate) {
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer());
  } catch (error) {
    throw new SoundError(error instanceof RangeError || error.name === "NotReadableError" ? "too-long" : "undecodable");
  }
  return { rate, seconds: buffer.duration, pieces: bufferPieces(buffer) };
}

async function* bufferPieces(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  const size = PIECE_SECONDS * buffer.sampleRate;
  for (let begin = 0; begin < buffer.length; begin += size) {
    const mono = channels[0].slice(begin, begin + size);
    for (const channel of channels.slice(1)) mono.forEach((_, i) => (mono[i] += channel[begin + i]));
    yield checked(channels.length > 1 ? mono.map((value) => value / channels.length) : mono);
  }
}

function checked(samples) {
  for (const value of samples) if (!(Math.abs(value) <= LOUDEST)) throw new SoundError("not-sound"); // NaN is not either
  return samples;
}
