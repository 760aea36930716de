// `structuredClone`, after the HTML standard; what cannot be cloned is a `DataCloneError`.
(function (native, kit) {
  "use strict";
  const { uncurry, kind, keys, defineProperty, domException, bytesOf, copyBytes, inspect, slice } = kit;
  const get = uncurry(Map.prototype.get),
    put = uncurry(Map.prototype.set);
  const mapEach = uncurry(Map.prototype.forEach),
    setEach = uncurry(Set.prototype.forEach),
    add = uncurry(Set.prototype.add);
  const time = uncurry(Date.prototype.getTime);
  const tagOf = uncurry(kit.getOwnPropertyDescriptor(kit.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get);
  const {
    Map: PlainMap,
    Set: PlainSet,
    Date: PlainDate,
    RegExp: PlainRegExp,
    Error: PlainError,
    DataView: PlainDataView,
  } = globalThis;
  const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const arrays = {};
  for (const array of [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ])
    arrays[array.name] = array;

  const { isView } = ArrayBuffer,
    PlainArray = Array;

  const refuse = (value) => {
    throw domException(`structuredClone: ${slice(inspect(value), 0, 200)} cannot be cloned`, "DataCloneError");
  };
  const clone = (value, seen) => {
    if (typeof value === "symbol" || typeof value === "function") refuse(value);
    if (value === null || typeof value !== "object") return value;
    const known = get(seen, value);
    if (known !== undefined) return known;
    const what = kind(value);
    const fresh = (copy) => {
      put(seen, value, copy);
      return copy;
    };
    switch (what) {
      case "proxy":
      case "promise":
        return refuse(value);
      case "date":
        return fresh(new PlainDate(time(value)));
      case "regexp":
        return fresh(new PlainRegExp(value.source, value.flags));
      case "buffer":
        return fresh(copyBytes(bytesOf(value)).buffer);
      case "bytes":
        return fresh(new arrays[tagOf(value)](copyBytes(bytesOf(value)).buffer));
      case "map": {
        const copy = fresh(new PlainMap());
        mapEach(value, (item, key) => put(copy, clone(key, seen), clone(item, seen)));
        return copy;
      }
      case "set": {
        const copy = fresh(new PlainSet());
        setEach(value, (item) => add(copy, clone(item, seen)));
        return copy;
      }
      case "error":
        return cloneError(value, seen, fresh);
      case "array":
        return copyMembers(value, fresh(new PlainArray(value.length)), seen);
    }
    if (kit.isSecret(value) || kit.isResponse(value) || kit.isHeaders(value)) refuse(value);
    if (isView(value)) return fresh(new PlainDataView(copyBytes(bytesOf(value)).buffer));
    return copyMembers(value, fresh({}), seen);
  };
  const cloneError = (value, seen, fresh) => {
    const copy = fresh(new (kit.hasOwn(errors, value.name) ? errors[value.name] : PlainError)(value.message));
    if (kit.hasOwn(value, "cause"))
      defineProperty(copy, "cause", { value: clone(value.cause, seen), writable: true, configurable: true });
    if (typeof value.stack === "string")
      defineProperty(copy, "stack", { value: value.stack, writable: true, configurable: true });
    return copy;
  };
  const copyMembers = (value, copy, seen) => {
    const names = keys(value);
    for (let i = 0; i < names.length; i++) {
      defineProperty(copy, names[i], {
        value: clone(value[names[i]], seen),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return copy;
  };

  kit.global("structuredClone", function structuredClone(value) {
    if (arguments.length === 0) throw kit.typeError("structuredClone: a value is missing");
    return clone(value, new PlainMap());
  });
});
