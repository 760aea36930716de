// `Event`, `CustomEvent` and `EventTarget`, after the DOM standard. There is no tree: a target is alone on its path.
(function (native, kit) {
  "use strict";
  const { typeError, describe, need, domString, dictionary, isObject, push, apply, defineProperty } = kit;
  const NONE = 0,
    AT_TARGET = 2;

  class Event {
    #type;
    #bubbles;
    #cancelable;
    #composed;
    #target = null;
    #current = null;
    #phase = NONE;
    #time = kit.elapsedOrZero();
    #stopped = false;
    #stoppedAtOnce = false;
    #canceled = false;
    #passive = false;
    #trusted = false;

    constructor(type, init) {
      need("Event", arguments.length, 1);
      this.#type = domString(type);
      const { bubbles, cancelable, composed } = dictionary("Event", init);
      this.#bubbles = !!bubbles;
      this.#cancelable = !!cancelable;
      this.#composed = !!composed;
      defineProperty(this, "isTrusted", { get: isTrusted, enumerable: true, configurable: false });
    }
    static {
      kit.isEvent = (value) => isObject(value) && #phase in value;
      // Run the listeners of an event's only target; answers whether nobody canceled it.
      kit.dispatch = (event, target, listeners) => {
        event.#target = target;
        event.#current = target;
        event.#phase = AT_TARGET;
        listeners(event, {
          stopped: () => event.#stoppedAtOnce,
          passive: (passive) => void (event.#passive = passive),
          skip: () => event.#stopped,
        });
        event.#current = null;
        event.#phase = NONE;
        event.#stopped = event.#stoppedAtOnce = false;
        return !event.#canceled;
      };
      kit.trustedEvent = (type) => {
        const event = new Event(type);
        event.#trusted = true;
        return event;
      };
      kit.isTrusted = (event) => event.#trusted;
      kit.isDispatched = (event) => event.#phase !== NONE;
    }
    get type() {
      return this.#type;
    }
    get target() {
      return this.#target;
    }
    get srcElement() {
      return this.#target;
    }
    get currentTarget() {
      return this.#current;
    }
    composedPath() {
      return this.#current === null ? [] : [this.#current];
    }
    get eventPhase() {
      return this.#phase;
    }
    stopPropagation() {
      this.#stopped = true;
    }
    get cancelBubble() {
      return this.#stopped;
    }
    set cancelBubble(value) {
      if (value) this.#stopped = true;
    }
    stopImmediatePropagation() {
      this.#stopped = this.#stoppedAtOnce = true;
    }
    get bubbles() {
      return this.#bubbles;
    }
    get cancelable() {
      return this.#cancelable;
    }
    get returnValue() {
      return !this.#canceled;
    }
    set returnValue(value) {
      if (!value) this.preventDefault();
    }
    preventDefault() {
      if (this.#cancelable && !this.#passive) this.#canceled = true;
    }
    get defaultPrevented() {
      return this.#canceled;
    }
    get composed() {
      return this.#composed;
    }
    get timeStamp() {
      return this.#time;
    }
    initEvent(type, bubbles = false, cancelable = false) {
      need("Event.initEvent", arguments.length, 1);
      if (this.#phase !== NONE) return;
      this.#type = domString(type);
      this.#bubbles = !!bubbles;
      this.#cancelable = !!cancelable;
      this.#stopped = this.#stoppedAtOnce = this.#canceled = false;
      this.#target = null;
    }
  }
  const { get: isTrusted } = Object.getOwnPropertyDescriptor(
    {
      get isTrusted() {
        return kit.isTrusted(this);
      },
    },
    "isTrusted",
  );
  const phases = { NONE, CAPTURING_PHASE: 1, AT_TARGET, BUBBLING_PHASE: 3 };
  for (const name in phases) {
    defineProperty(Event, name, { value: phases[name], enumerable: true });
    defineProperty(Event.prototype, name, { value: phases[name], enumerable: true });
  }
  kit.webClass(Event, "Event");
  kit.Event = Event;

  class CustomEvent extends Event {
    #detail;
    constructor(type, init) {
      kit.need("CustomEvent", arguments.length, 1);
      super(type, init);
      this.#detail = init?.detail ?? null;
    }
    get detail() {
      return this.#detail;
    }
  }
  kit.webClass(CustomEvent, "CustomEvent");

  class EventTarget {
    // In the order in which they were added: what was removed during a dispatch is marked.
    #listeners = [];

    static {
      // The listener behind an `on…` attribute, which keeps its place while it is replaced.
      kit.addHandler = (target, type, listener) => target.#add(type, listener, false, false, false);
      // Dispatch an event of the platform's own.
      kit.fire = (target, type) => target.#dispatch(kit.trustedEvent(type));
    }
    #find(type, callback, capture) {
      for (let i = 0; i < this.#listeners.length; i++) {
        const listener = this.#listeners[i];
        if (listener.type === type && listener.callback === callback && listener.capture === capture) return i;
      }
      return -1;
    }
    #add(type, callback, capture, once, passive) {
      if (this.#find(type, callback, capture) >= 0) return;
      push(this.#listeners, { type, callback, capture, once, passive, removed: false });
    }
    #remove(type, callback, capture) {
      const at = this.#find(type, callback, capture);
      if (at < 0) return;
      this.#listeners[at].removed = true;
      const kept = [];
      for (let i = 0; i < this.#listeners.length; i++) if (i !== at) push(kept, this.#listeners[i]);
      this.#listeners = kept;
    }
    #dispatch(event) {
      return kit.dispatch(event, this, (event, state) => {
        if (state.skip()) return;
        const listeners = copied(this.#listeners);
        for (let i = 0; i < listeners.length && !state.stopped(); i++) {
          const listener = listeners[i];
          if (listener.removed || listener.type !== event.type) continue;
          if (listener.once) this.#remove(listener.type, listener.callback, listener.capture);
          state.passive(listener.passive);
          kit.guarded(() => call(listener.callback, event), []);
          state.passive(false);
        }
      });
    }
    addEventListener(type, callback, options) {
      need("addEventListener", arguments.length, 2);
      type = domString(type);
      checkCallback("addEventListener", callback);
      const isOptions = isObject(options);
      const capture = isOptions ? !!options.capture : !!options;
      const once = isOptions && !!options.once,
        passive = isOptions && !!options.passive;
      const signal = isOptions ? options.signal : undefined;
      if (signal !== undefined && !kit.isSignal(signal))
        throw typeError(`addEventListener: the signal must be an AbortSignal, not ${describe(signal)}`);
      if (callback === null || callback === undefined || signal?.aborted) return;
      this.#add(type, callback, capture, once, passive);
      if (signal !== undefined) kit.onAbort(signal, () => this.#remove(type, callback, capture));
    }
    removeEventListener(type, callback, options) {
      need("removeEventListener", arguments.length, 2);
      type = domString(type);
      checkCallback("removeEventListener", callback);
      this.#remove(type, callback, isObject(options) ? !!options.capture : !!options);
    }
    dispatchEvent(event) {
      need("dispatchEvent", arguments.length, 1);
      if (!kit.isEvent(event)) throw typeError(`dispatchEvent: the event must be an Event, not ${describe(event)}`);
      if (kit.isDispatched(event)) throw kit.domException("the event is being dispatched already", "InvalidStateError");
      return this.#dispatch(event);
    }
  }
  const copied = (list) => {
    const copy = [];
    for (let i = 0; i < list.length; i++) push(copy, list[i]);
    return copy;
  };
  const checkCallback = (where, callback) => {
    if (callback !== null && callback !== undefined && !isObject(callback))
      throw typeError(`${where}: the listener must be a function or an object with handleEvent, not ${describe(callback)}`);
  };
  const call = (callback, event) => {
    if (typeof callback === "function") return apply(callback, event.currentTarget, [event]);
    const { handleEvent } = callback;
    if (typeof handleEvent !== "function") throw typeError("the listener has no method handleEvent");
    return apply(handleEvent, callback, [event]);
  };
  kit.arity(EventTarget.prototype, { addEventListener: 2, removeEventListener: 2 });
  kit.arity(Event.prototype, { initEvent: 1 });
  kit.webClass(EventTarget, "EventTarget");
  kit.EventTarget = EventTarget;
});
