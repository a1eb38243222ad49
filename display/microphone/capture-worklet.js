// @ts-check
/** Runs where the sound is: hands it on in pieces of 20 ms, mono. No other file can be asked for anything from here. */

// The scope of worklets is not in the library of types.
const scope =
  /** @type {{ sampleRate: number, registerProcessor: (name: string, kind: unknown) => void, AudioWorkletProcessor: new () => { port: MessagePort } }} */ (
    /** @type {unknown} */ (globalThis)
  );

class Tap extends scope.AudioWorkletProcessor {
  #piece = new Float32Array(Math.round(scope.sampleRate / 50));
  #filled = 0;

  /** @param {Float32Array[][]} inputs the browser has mixed it to one channel */
  process([input]) {
    const samples = input?.[0];
    if (!samples) return true;
    for (let at = 0; at < samples.length; ) {
      const part = samples.subarray(at, at + this.#piece.length - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < this.#piece.length) continue;
      const full = this.#piece;
      this.#piece = new Float32Array(full.length);
      this.#filled = 0;
      this.port.postMessage(full, [full.buffer]);
    }
    return true;
  }
}

scope.registerProcessor('tap', Tap);
