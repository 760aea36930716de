// `AbortController` and `AbortSignal`, after the DOM standard.
(function (native, kit) {
  "use strict";
  const { typeError, describe, need, push, raise, domException, EventTarget, defineProperty } = kit;
  const TIMEOUT_MOST_MS = Number.MAX_SAFE_INTEGER;
  let make = false;

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason = undefined;
    // What runs before the event, and is dropped with it.
    #algorithms = [];
    // The signals that this one follows: never one that follows others itself.
    #sources = null;
    #handler = null;

    constructor() {
      if (!make) throw typeError("AbortSignal cannot be constructed; use an AbortController");
      super();
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
      kit.onAbort = (signal, algorithm) => {
        if (!signal.#aborted) push(signal.#algorithms, algorithm);
      };
      kit.isAborted = (signal) => signal.#aborted;
      kit.abortReason = (signal) => signal.#reason;
      // A signal that follows others.
      kit.followingSignal = (signals) => AbortSignal.#following(signals);
    }
    static #following(signals) {
      const combined = AbortSignal.#new();
      for (let i = 0; i < signals.length; i++) {
        if (signals[i].#aborted) {
          combined.#aborted = true;
          combined.#reason = signals[i].#reason;
          return combined;
        }
      }
      combined.#sources = [];
      for (let i = 0; i < signals.length; i++) {
        const sources = signals[i].#sources ?? [signals[i]];
        for (let s = 0; s < sources.length; s++) combined.#follow(sources[s]);
      }
      return combined;
    }
    #follow(source) {
      for (let i = 0; i < this.#sources.length; i++) if (this.#sources[i] === source) return;
      push(this.#sources, source);
      push(source.#dependents, this);
    }
    #dependents = [];
    static abort(reason) {
      const signal = AbortSignal.#new();
      signal.#aborted = true;
      signal.#reason = reason === undefined ? aborted() : reason;
      return signal;
    }
    static timeout(ms) {
      need("AbortSignal.timeout", arguments.length, 1);
      const limit = +ms;
      if (!(limit >= 0 && limit <= TIMEOUT_MOST_MS))
        throw typeError(`AbortSignal.timeout: the time must be a number of milliseconds from 0, not ${kit.inspect(ms)}`);
      const signal = AbortSignal.#new();
      kit.quietTimer(() => signal.#abort(domException("the operation timed out", "TimeoutError")), limit);
      return signal;
    }
    static any(signals) {
      need("AbortSignal.any", arguments.length, 1);
      const list = kit.sequence("AbortSignal.any", "the signals", signals);
      for (let i = 0; i < list.length; i++)
        if (!kit.isSignal(list[i]))
          throw typeError(`AbortSignal.any: each signal must be an AbortSignal, not ${describe(list[i])}`);
      return AbortSignal.#following(list);
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
    get onabort() {
      return this.#handler;
    }
    set onabort(handler) {
      const first = this.#handler === null;
      this.#handler = kit.isObject(handler) ? handler : null;
      // It keeps the place of the first handler, as event handlers do.
      if (first && this.#handler !== null) {
        kit.addHandler(this, "abort", (event) => {
          if (typeof this.#handler === "function") kit.apply(this.#handler, this, [event]);
        });
      }
    }
    // All that follow are aborted before the first event is fired.
    #abort(reason) {
      if (this.#aborted) return;
      this.#mark(reason === undefined ? aborted() : reason);
      const fired = [this];
      for (let i = 0; i < this.#dependents.length; i++) {
        const dependent = this.#dependents[i];
        if (dependent.#aborted) continue;
        dependent.#mark(this.#reason);
        push(fired, dependent);
      }
      for (let i = 0; i < fired.length; i++) fired[i].#fire();
    }
    #mark(reason) {
      this.#aborted = true;
      this.#reason = reason;
    }
    #fire() {
      const algorithms = this.#algorithms;
      this.#algorithms = [];
      for (let i = 0; i < algorithms.length; i++) algorithms[i]();
      kit.fire(this, "abort");
    }
  }
  const aborted = () => domException("the operation was aborted", "AbortError");
  defineProperty(AbortSignal, "abort", { enumerable: true });
  defineProperty(AbortSignal, "timeout", { enumerable: true });
  defineProperty(AbortSignal, "any", { enumerable: true });
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
  kit.arity(AbortController.prototype, { abort: 0 });
  kit.webClass(AbortController, "AbortController");
});
