// The page's end of the thread that listens: each message is answered by a promise.

export class Listener {
  constructor() {
    // A thread started from a file would follow the rules of that file's headers, which a plain web server does not send;
    // one that is started from a blob inherits this page's, so that it too can reach nothing but this folder.
    const script = `import ${JSON.stringify(new URL("./worker.js", import.meta.url).href)};`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.worker = new Worker(url, { type: "module" });
    this.waiting = new Map();
    this.number = 0;
    this.worker.onmessage = ({ data: { number, answer, error } }) => {
      const { resolve, reject } = this.waiting.get(number);
      this.waiting.delete(number);
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    };
    this.worker.onerror = (event) => {
      const failed = new Error(event.message || "the listening thread could not start");
      for (const { reject } of this.waiting.values()) reject(failed);
      this.waiting.clear();
    };
    this.worker.onmessageerror = this.worker.onerror;
  }

  /** Load the models; to be called again after a failure, for instance when the network is back. */
  load() {
    return this.ask("load");
  }

  /** Begin a stream of samples at ``rate`` Hz, or of codes; ``all``: ask the models that make no episode, too. */
  start(rate, all) {
    return this.ask("start", { rate, all });
  }

  /** @returns {Promise<{codes: Uint8Array, results: object[], episodes: object[]}>} */
  samples(samples) {
    return this.ask("samples", { samples });
  }

  codes(codes) {
    return this.ask("codes", { codes });
  }

  finish() {
    return this.ask("finish");
  }

  ask(kind, given = {}) {
    this.number += 1;
    const { number } = this;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.worker.postMessage({ number, kind, ...given });
    });
  }
}
