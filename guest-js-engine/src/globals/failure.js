// `SkerryError`, the errors of the host, and what is told of a thrown value.
(function (native, kit) {
  "use strict";
  const { defineProperty, slice, split, join, push, includes, inspect, isError, hasOwn, typeError, rangeError } = kit;

  // As many characters as could fit the bytes that are kept: the rest is cut in Rust, between characters.
  const NAME = 200,
    MESSAGE = 8 * 1024,
    STACK = 16 * 1024;
  const CAUSES = 3;

  class SkerryError extends Error {
    constructor(message, options) {
      super(message, options);
      if (typeof options?.code === "string") this.code = options.code;
    }
  }
  defineProperty(SkerryError.prototype, "name", { value: "SkerryError", writable: true, configurable: true });
  kit.global("SkerryError", SkerryError);

  const hostError = (code, message) => {
    if (code === "invalid_argument") return typeError(message);
    if (code === "out_of_range") return rangeError(message);
    return new SkerryError(message, { code });
  };

  // A property of a thrown object, if it is a string; its getter may throw, or lie.
  const read = (object, name, otherwise, most) => {
    try {
      const value = object[name];
      return typeof value === "string" ? slice(value, 0, most) : otherwise;
    } catch {
      return otherwise;
    }
  };
  // Frames of the script API's own preludes are no part of the script.
  const frames = (stack) => {
    const lines = split(stack, "\n"),
      kept = [];
    for (let i = 0; i < lines.length; i++) {
      if (lines[i] !== "" && !includes(lines[i], "skerry:")) push(kept, lines[i]);
    }
    // What called the script natively is ours as well.
    while (kept.length > 0 && includes(kept[kept.length - 1], "(native)")) kept.length--;
    return join(kept, "\n");
  };
  const causes = (error) => {
    let text = "";
    try {
      for (let depth = 0; depth < CAUSES && hasOwn(error, "cause"); depth++) {
        error = error.cause;
        const isObject = isError(error);
        text += isObject
          ? `\ncaused by ${read(error, "name", "Error", NAME)}: ${read(error, "message", "", MESSAGE)}`
          : `\ncaused by ${slice(inspect(error), 0, MESSAGE)}`;
        if (!isObject) break;
        const stack = frames(read(error, "stack", "", STACK));
        if (stack !== "") text += `\n${stack}`;
      }
    } catch {
      // What cannot be read is left out.
    }
    return text;
  };
  const isOwnError = (value) => {
    try {
      return value instanceof SkerryError;
    } catch {
      return false;
    }
  };

  // What to do instead of what scripts of other platforms look for.
  const ABSENT = {
    __proto__: null,
    Intl: "utils.date knows time zones and patterns; numbers have toFixed and toLocaleString",
    Temporal: "utils.date adds to dates and knows time zones",
    require: "scripts are one module; `skerry push` bundles what they import",
    process: "secrets.get(name) has what environment variables hold",
    Buffer: "use Uint8Array, TextEncoder and utils.base64",
    XMLHttpRequest: "use fetch or http",
    WebSocket: "use fetch or http",
    WritableStream: "bodies are whole: only ReadableStream is here",
    TransformStream: "bodies are whole: only ReadableStream is here",
    CompressionStream: "bodies are sent as they are",
    DecompressionStream: "nothing is decompressed: ask for bodies without a content-encoding",
    TextDecoderStream: "use TextDecoder with { stream: true }",
    TextEncoderStream: "use TextEncoder",
    WebAssembly: "scripts are JavaScript and TypeScript",
    SharedArrayBuffer: "a run has one thread",
    Atomics: "a run has one thread",
    Worker: "a run has one thread",
    caches: "use storage with a ttl",
    localStorage: "use storage",
    sessionStorage: "use storage",
    setImmediate: "use setTimeout or queueMicrotask",
    window: "use globalThis",
    document: "there is no page",
  };
  const MISSING = /^'?([A-Za-z]+)'? is not defined$/;
  const match = kit.uncurry(RegExp.prototype.exec);
  // The message of an error, with advice where a name is not there.
  const advised = (name, message) => {
    const found = name === "ReferenceError" ? match(MISSING, message) : null;
    const advice = found === null ? undefined : ABSENT[found[1]];
    return advice === undefined ? message : `${message}: it is not part of the script API; ${advice}`;
  };
  kit.advised = advised;

  // Name, message, stack and code of anything that was thrown.
  const describeThrown = (value) => {
    if (!isError(value)) return ["Error", `the script threw ${slice(inspect(value), 0, MESSAGE)}`, "", undefined];
    const stack = frames(read(value, "stack", "", STACK)) + causes(value);
    const code = isOwnError(value) ? read(value, "code", undefined, NAME) : undefined;
    const name = read(value, "name", "Error", NAME) || "Error";
    return [name, advised(name, read(value, "message", "", MESSAGE)), stack, code];
  };

  Object.assign(kit, { SkerryError, frames, hostError, describeThrown });
});
