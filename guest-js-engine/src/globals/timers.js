// `setTimeout`, `setInterval`, `queueMicrotask` and `reportError`.
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
  let last = 0;
  const toNumber = Number,
    truncate = Math.trunc;
  // Longer than any run; as a number, it stays one in the host.
  const MOST_MS = 2 ** 53 - 1;

  const milliseconds = (delay) => {
    const ms = truncate(toNumber(delay));
    return ms > 0 ? (ms < MOST_MS ? ms : MOST_MS) : 0;
  };
  const arm = (id, timer) => {
    if (timer.ms === 0) native.soon(id);
    else timer.call = native.start(id, timer.ms, timer.quiet);
    set(timers, id, timer);
  };
  const start = (where, callback, delay, values, repeats, quiet = false) => {
    if (typeof callback !== "function")
      throw typeError(`${where}: the callback must be a function, not ${describe(callback)}`);
    let ms = milliseconds(delay);
    if (repeats && ms === 0) ms = 1;
    const nesting = native.nesting();
    if (nesting >= NESTING && ms < NESTED_MS) ms = NESTED_MS;
    arm(++last, { callback, values, ms, repeats, quiet, nesting: nesting + 1, call: 0 });
    return last;
  };
  const stop = (id) => {
    const timer = get(timers, id);
    if (timer === undefined) return;
    remove(timers, id);
    if (timer.call !== 0) native.cancel(timer.call);
  };
  // An exception in a callback is a log line; the run goes on.
  const report = (error) => {
    const told = kit.describeThrown(error),
      stack = told[2];
    kit.logError(`uncaught ${told[0]}: ${told[1]}${stack === "" ? "" : `\n${stack}`}`);
  };
  const guarded = (callback, values) => {
    try {
      apply(callback, undefined, values);
    } catch (error) {
      report(error);
    }
  };

  kit.guarded = guarded;
  kit.fireTimer = (id) => {
    const timer = get(timers, id);
    if (timer === undefined) return;
    timer.call = 0;
    if (!timer.repeats) remove(timers, id);
    // It holds for the callback and for the jobs that it makes, until the next answer is taken.
    native.nest(timer.nesting);
    guarded(timer.callback, timer.values);
    if (timer.repeats && get(timers, id) === timer) {
      timer.nesting++;
      if (timer.nesting > NESTING && timer.ms < NESTED_MS) timer.ms = NESTED_MS;
      arm(id, timer);
    }
  };
  // A timer that nobody misses when the run is over.
  kit.quietTimer = (callback, ms) => void start("a timer", callback, ms, [], false, true);
  kit.sleep = (ms) => new Promise((resolve) => start("utils.sleep", resolve, ms, [], false));

  global("setTimeout", function setTimeout(callback, delay = 0, ...values) {
    return start("setTimeout", callback, delay, values, false);
  });
  global("setInterval", function setInterval(callback, delay = 0, ...values) {
    return start("setInterval", callback, delay, values, true);
  });
  global("clearTimeout", function clearTimeout(id) {
    stop(id);
  });
  global("clearInterval", function clearInterval(id) {
    stop(id);
  });
  global("reportError", function reportError(error) {
    kit.need("reportError", arguments.length, 1);
    report(error);
  });
  global("queueMicrotask", function queueMicrotask(callback) {
    if (typeof callback !== "function") {
      throw typeError(`queueMicrotask: the callback must be a function, not ${describe(callback)}`);
    }
    then(resolved(), () => guarded(callback, []));
  });
});
