// `AbortController` and `AbortSignal`, as far as calls can be given up.
(function (native, kit) {
  "use strict";
  const { typeError, push, raise, domException } = kit;
  let make = false;

  class AbortSignal {
    #aborted = false;
    #reason = undefined;
    #listeners = [];
    onabort = null;

    constructor() {
      if (!make) throw typeError("AbortSignal cannot be constructed; use an AbortController");
    }
    static #new() {
      make = true;
      try {
        return new AbortSignal();
      } finally {
        make = false;
      }
    }
    static {
      kit.newSignal = () => AbortSignal.#new();
      kit.isSignal = (value) => typeof value === "object" && value !== null && #aborted in value;
      kit.abort = (signal, reason) => signal.#abort(reason);
    }
    static abort(reason) {
      const signal = AbortSignal.#new();
      signal.#abort(reason);
      return signal;
    }
    static timeout(ms) {
      const signal = AbortSignal.#new();
      setTimeout(() => signal.#abort(domException("the operation timed out", "TimeoutError")), ms);
      return signal;
    }
    static any(signals) {
      const combined = AbortSignal.#new();
      for (const signal of signals) {
        if (signal.aborted) {
          combined.#abort(signal.reason);
          break;
        }
        signal.addEventListener("abort", () => combined.#abort(signal.reason));
      }
      return combined;
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) raise(this.#reason);
    }
    addEventListener(type, listener) {
      if (type === "abort" && typeof listener === "function") push(this.#listeners, listener);
    }
    removeEventListener(type, listener) {
      const kept = [];
      for (let i = 0; i < this.#listeners.length; i++)
        if (this.#listeners[i] !== listener) push(kept, this.#listeners[i]);
      this.#listeners = kept;
    }
    #abort(reason) {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason === undefined ? domException("the operation was aborted", "AbortError") : reason;
      const listeners = this.#listeners,
        event = { type: "abort", target: this };
      this.#listeners = [];
      if (typeof this.onabort === "function") kit.guarded(this.onabort, [event]);
      for (let i = 0; i < listeners.length; i++) kit.guarded(listeners[i], [event]);
    }
  }
  kit.webClass(AbortSignal, "AbortSignal");

  class AbortController {
    #signal = kit.newSignal();
    get signal() {
      return this.#signal;
    }
    abort(reason) {
      kit.abort(this.#signal, reason);
    }
  }
  kit.webClass(AbortController, "AbortController");
  const { setTimeout } = globalThis;
});
