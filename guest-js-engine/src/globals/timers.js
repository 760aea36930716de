// `setTimeout`, `setInterval` and `queueMicrotask`.
(function (native, kit) {
  "use strict";
  const { Promise, typeError, describe, apply, global, uncurry, then, resolved } = kit;
  // As in browsers: timers that set timers wait at least 4 ms from the sixth on, so that no chain of them keeps the
  // answers of host calls from being taken.
  const NESTING = 5,
    NESTED_MS = 4;

  const timers = new kit.Map();
  const get = uncurry(Map.prototype.get),
    set = uncurry(Map.prototype.set),
    remove = uncurry(Map.prototype.delete);
  let last = 0,
    nesting = 0;
  const toNumber = Number,
    truncate = Math.trunc;

  const milliseconds = (delay) => {
    const ms = truncate(toNumber(delay));
    return ms > 0 ? ms : 0;
  };
  const arm = (id, timer) => {
    if (timer.ms === 0) native.soon(id);
    else timer.call = native.start(id, timer.ms);
    set(timers, id, timer);
  };
  const start = (where, callback, delay, values, repeats) => {
    if (typeof callback !== "function")
      throw typeError(`${where}: the callback must be a function, not ${describe(callback)}`);
    let ms = milliseconds(delay);
    if (repeats && ms === 0) ms = 1;
    if (nesting >= NESTING && ms < NESTED_MS) ms = NESTED_MS;
    arm(++last, { callback, values, ms, repeats, nesting: nesting + 1, call: 0 });
    return last;
  };
  const stop = (id) => {
    const timer = get(timers, id);
    if (timer === undefined) return;
    remove(timers, id);
    if (timer.call !== 0) native.cancel(timer.call);
  };
  // An exception in a callback is a log line; the run goes on.
  const guarded = (callback, values) => {
    try {
      apply(callback, undefined, values);
    } catch (error) {
      const [name, message, stack] = kit.describeThrown(error);
      kit.logError(`uncaught ${name}: ${message}${stack === "" ? "" : `\n${stack}`}`);
    }
  };

  kit.guarded = guarded;
  kit.fireTimer = (id) => {
    const timer = get(timers, id);
    if (timer === undefined) return;
    timer.call = 0;
    if (!timer.repeats) remove(timers, id);
    nesting = timer.nesting;
    guarded(timer.callback, timer.values);
    if (timer.repeats && get(timers, id) === timer) {
      timer.nesting++;
      if (timer.nesting > NESTING && timer.ms < NESTED_MS) timer.ms = NESTED_MS;
      arm(id, timer);
    }
    nesting = 0;
  };
  kit.sleep = (ms) => new Promise((resolve) => start("utils.sleep", resolve, ms, [], false));

  global("setTimeout", function setTimeout(callback, delay, ...values) {
    return start("setTimeout", callback, delay, values, false);
  });
  global("setInterval", function setInterval(callback, delay, ...values) {
    return start("setInterval", callback, delay, values, true);
  });
  global("clearTimeout", function clearTimeout(id) {
    stop(id);
  });
  global("clearInterval", function clearInterval(id) {
    stop(id);
  });
  global("queueMicrotask", function queueMicrotask(callback) {
    if (typeof callback !== "function") {
      throw typeError(`queueMicrotask: the callback must be a function, not ${describe(callback)}`);
    }
    then(resolved(), () => guarded(callback, []));
  });
});
