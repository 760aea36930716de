// What every prelude uses: primordials, taken before a script could patch them, and checks of arguments.
(function (native, kit) {
  "use strict";
  const { bind, call } = Function.prototype;
  const uncurry = bind.bind(call);
  const execute = uncurry(RegExp.prototype.exec);
  const { defineProperty, freeze, getOwnPropertyDescriptor } = Object;
  const { ownKeys } = Reflect;
  const { isArray } = Array;
  const { parse, stringify } = JSON;
  const { isInteger, isFinite } = Number;
  const reject = Promise.reject.bind(Promise);
  const isWellFormed = uncurry(String.prototype.isWellFormed);
  const toWellFormed = uncurry(String.prototype.toWellFormed);
  const PlainTypeError = TypeError;
  const PlainRangeError = RangeError;

  // "a number", "an array": what a message calls a value.
  const describe = (value) => {
    if (value === null || value === undefined) return String(value);
    if (typeof value === "function") return "a function";
    if (typeof value !== "object") return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
    return isArray(value) ? "an array" : "an object";
  };
  const typeError = (message) => new PlainTypeError(message);
  const rangeError = (message) => new PlainRangeError(message);

  // A text that the host takes as it is: a string without lone surrogates.
  const string = (where, name, value) => {
    if (typeof value !== "string") throw typeError(`${where}: the ${name} must be a string, not ${describe(value)}`);
    if (!isWellFormed(value)) throw typeError(`${where}: the ${name} is not well-formed Unicode`);
    return value;
  };
  // A text of so many bytes of UTF-8.
  const bounded = (where, name, text, least, most) => {
    // A unit takes one to three bytes: short texts need not be counted.
    const bytes = text.length * 3 <= most ? text.length : text.length > most ? text.length : kit.encode(text).length;
    if (bytes < least || bytes > most)
      throw rangeError(`${where}: the ${name} must have ${least} to ${most} bytes of UTF-8, not ${bytes}`);
    return text;
  };
  const optionalString = (where, name, value) =>
    value === undefined || value === null ? undefined : string(where, name, value);
  // A value as JSON text.
  const json = (where, name, value) => {
    const text = typeof value === "symbol" ? undefined : stringify(value);
    if (text === undefined) throw typeError(`${where}: the ${name} must have a JSON form; ${describe(value)} has none`);
    return text;
  };
  // The options of a call: an object, or nothing.
  const options = (where, value) => {
    if (value === undefined || value === null) return {};
    if (typeof value !== "object") throw typeError(`${where}: the options must be an object, not ${describe(value)}`);
    return value;
  };
  // A whole number between two bounds.
  const integer = (where, name, value, least, most) => {
    if (typeof value !== "number") throw typeError(`${where}: the ${name} must be a number, not ${describe(value)}`);
    if (!isInteger(value) || value < least || value > most) {
      throw rangeError(`${where}: the ${name} must be a whole number from ${least} to ${most}, not ${value}`);
    }
    return value;
  };

  // Define a global as built-ins are: writable and not enumerable.
  const global = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
  // Give a plain object's methods the attributes of built-ins.
  const namespace = (name, members) => {
    for (const key of ownKeys(members)) {
      defineProperty(members, key, { enumerable: key !== "constructor", configurable: true });
    }
    defineProperty(members, Symbol.toStringTag, { value: name, configurable: true });
    return members;
  };

  // Make a class a global as web platforms do: enumerable accessors and methods, and a name for `toString`.
  const webClass = (constructor, name) => {
    for (const key of ownKeys(constructor.prototype)) {
      if (typeof key === "string" && key !== "constructor")
        defineProperty(constructor.prototype, key, { enumerable: true });
    }
    defineProperty(constructor.prototype, Symbol.toStringTag, { value: name, configurable: true });
    global(name, constructor);
  };
  const raise = (error) => {
    throw error;
  };

  for (const name of ["SharedArrayBuffer", "Atomics", "Javy", "print", "std", "os", "scriptArgs"]) {
    delete globalThis[name];
  }

  Object.assign(kit, {
    uncurry,
    defineProperty,
    freeze,
    getOwnPropertyDescriptor,
    ownKeys,
    isArray,
    parse,
    stringify,
    isInteger,
    isFinite,
    reject,
    isWellFormed,
    toWellFormed,
    describe,
    typeError,
    rangeError,
    string,
    bounded,
    optionalString,
    json,
    options,
    integer,
    global,
    namespace,
    webClass,
    raise,
    apply: Reflect.apply,
    getPrototypeOf: Object.getPrototypeOf,
    keys: Object.keys,
    hasOwn: Object.hasOwn,
    resolved: Promise.resolve.bind(Promise),
    then: uncurry(Promise.prototype.then),
    slice: uncurry(String.prototype.slice),
    push: uncurry(Array.prototype.push),
    join: uncurry(Array.prototype.join),
    split: uncurry(String.prototype.split),
    lower: uncurry(String.prototype.toLowerCase),
    upper: uncurry(String.prototype.toUpperCase),
    // `test` itself asks for `exec`, which a script can patch.
    test: (pattern, text) => execute(pattern, text) !== null,
    includes: uncurry(String.prototype.includes),
    toText: String,
    Bytes: Uint8Array,
    Map,
    Promise,
    Proxy,
  });
});
