// The front-end on the sound thread: what the microphone hears leaves it as coded frames, never as sound.
import { encode, FrontEnd } from "./front-end.js";
import { Resampler } from "./resample.js";

class LogMel extends AudioWorkletProcessor {
  constructor({ processorOptions: definition }) {
    super();
    this.definition = definition;
    this.resampler = new Resampler(sampleRate, definition.front_end.sample_rate);
    this.frontEnd = new FrontEnd(definition);
    this.ended = false;
    this.port.onmessage = () => this.#finish();
  }

  process([channels]) {
    if (this.ended) return false;
    if (channels.length > 0) this.#send(this.frontEnd.push(this.resampler.push(mixed(channels))));
    return true;
  }

  /** The page asks for the last frames when it stops. */
  #finish() {
    this.ended = true;
    this.#send(this.frontEnd.push(this.resampler.finish()));
    this.#send(this.frontEnd.finish());
    this.port.postMessage({ ended: true });
  }

  #send(frames) {
    if (frames.length === 0) return;
    const codes = encode(frames, this.definition.front_end);
    this.port.postMessage({ codes }, [codes.buffer]);
  }
}

function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

registerProcessor("log-mel", LogMel);
