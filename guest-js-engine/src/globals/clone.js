// `structuredClone`, after the HTML standard; what cannot be cloned is a `DataCloneError`.
(function (native, kit) {
  "use strict";
  const { uncurry, kind, keys, hasOwn, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, push } = kit;
  const { domException, bytesOf, copyBytes, inspect, slice, arrayTag, isObject, typeError } = kit;
  const get = uncurry(Map.prototype.get),
    put = uncurry(Map.prototype.set),
    has = uncurry(Map.prototype.has);
  const mapEach = uncurry(Map.prototype.forEach),
    setEach = uncurry(Set.prototype.forEach),
    add = uncurry(Set.prototype.add);
  const time = uncurry(Date.prototype.getTime);
  const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
  const typedArray = getPrototypeOf(Uint8Array.prototype);
  const arrayBuffer = getter(typedArray, "buffer"),
    arrayOffset = getter(typedArray, "byteOffset"),
    arrayLength = getter(typedArray, "length");
  const viewBuffer = getter(DataView.prototype, "buffer"),
    viewOffset = getter(DataView.prototype, "byteOffset"),
    viewLength = getter(DataView.prototype, "byteLength");
  const source = getter(RegExp.prototype, "source"),
    flags = getter(RegExp.prototype, "flags");
  const transferBuffer = uncurry(ArrayBuffer.prototype.transfer),
    isDetached = getter(ArrayBuffer.prototype, "detached"),
    isResizable = getter(ArrayBuffer.prototype, "resizable"),
    maxByteLength = getter(ArrayBuffer.prototype, "maxByteLength");
  const PlainObject = Object,
    objectPrototype = Object.prototype;
  const { classOf } = native;
  // What takes the primitive out of a wrapper, by the wrapper's class.
  const unbox = { __proto__: null };
  for (const value of [true, 1, "", 1n]) unbox[classOf(PlainObject(value))] = uncurry(value.constructor.prototype.valueOf);
  // Objects that are nothing but their members.
  const PLAIN = classOf({}),
    ARGUMENTS = [classOf(Function("return arguments")()), classOf((function () { return arguments; })())];
  const { Map: PlainMap, Set: PlainSet, Date: PlainDate, RegExp: PlainRegExp, Error: PlainError } = globalThis;
  const { DataView: PlainView, ArrayBuffer: PlainBuffer, Array: PlainArray } = globalThis;
  const { isView } = PlainBuffer;
  const errors = { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const arrays = { __proto__: null };
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

  const refuse = (value) => {
    throw domException(`structuredClone: ${slice(inspect(value), 0, 200)} cannot be cloned`, "DataCloneError");
  };
  const clone = (value, seen) => {
    if (typeof value === "symbol" || typeof value === "function") refuse(value);
    if (value === null || typeof value !== "object") return value;
    const known = get(seen, value);
    if (known !== undefined) return known;
    const copy = (isOrdinary(value) ? undefined : platformCopy(value)) ?? plainCopy(value, seen);
    if (copy !== undefined) {
      put(seen, value, copy);
      return copy;
    }
    return container(value, seen);
  };
  // What no class of the platform made, as most objects: they need not be asked for each of those classes.
  const isOrdinary = (value) => {
    if (classOf(value) !== PLAIN) return kind(value) === "array";
    const prototype = getPrototypeOf(value);
    return prototype === objectPrototype || prototype === null;
  };
  // Objects of the platform that can be cloned; the others are refused.
  const platformCopy = (value) => {
    if (kit.isFile(value)) return kit.newFile(kit.blobBytes(value), value.name, value.type, value.lastModified);
    if (kit.isBlob(value)) return kit.newBlob(kit.blobBytes(value), value.type);
    if (kit.isKey(value)) {
      const { bytes, hash, length, extractable, usages } = kit.keyParts(value);
      return kit.newKey(bytes, hash, length, extractable, usages);
    }
    if (kit.isDomException(value)) return cloneDomException(value);
    for (let i = 0; i < refused.length; i++) if (refused[i](value)) refuse(value);
    return undefined;
  };
  const refused = [
    (value) => kit.isSecret(value),
    (value) => kit.isResponse(value),
    (value) => kit.requestHeaders(value) !== undefined,
    (value) => kit.isHeaders(value),
    (value) => kit.isParams(value),
    (value) => kit.isUrl(value),
    (value) => kit.isForm(value),
    (value) => kit.isStream(value),
    (value) => kit.isSignal(value),
    (value) => kit.isEvent(value),
    (value) => kit.isSubtle(value),
  ];
  const cloneDomException = (value) => {
    const copy = domException(value.message, value.name);
    defineProperty(copy, "stack", { value: value.stack, writable: true, configurable: true });
    return copy;
  };
  // What has no members that could lead back to it.
  const plainCopy = (value, seen) => {
    switch (kind(value)) {
      case "proxy":
      case "promise":
        return refuse(value);
      case "date":
        return new PlainDate(time(value));
      case "regexp":
        return new PlainRegExp(source(value), flags(value));
      case "buffer":
        return copyBuffer(value);
      case "bytes":
        return copyArray(value, seen);
      case "map":
      case "set":
      case "error":
      case "array":
        return undefined;
    }
    if (isView(value)) {
      const buffer = clone(viewBuffer(value), seen);
      return new PlainView(buffer, viewOffset(value), viewLength(value));
    }
    const what = classOf(value);
    if (what === PLAIN || what === ARGUMENTS[0] || what === ARGUMENTS[1]) return undefined;
    // Whatever else the language has (weak collections, iterators, symbols in objects) has no state to copy.
    return unbox[what] === undefined ? refuse(value) : PlainObject(unbox[what](value));
  };
  const copyBuffer = (value) => {
    if (isDetached(value)) return refuse(value);
    const copy = copyBytes(bytesOf(value)).buffer;
    if (!isResizable(value)) return copy;
    const resizable = new PlainBuffer(copy.byteLength, { maxByteLength: maxByteLength(value) });
    kit.putBytes(new kit.Bytes(resizable), new kit.Bytes(copy));
    return resizable;
  };
  // Arrays over one buffer are arrays over one copy.
  const copyArray = (value, seen) => {
    const buffer = arrayBuffer(value);
    if (isDetached(buffer)) return refuse(value);
    return new arrays[arrayTag(value)](clone(buffer, seen), arrayOffset(value), arrayLength(value));
  };
  const container = (value, seen) => {
    const fresh = (copy) => {
      put(seen, value, copy);
      return copy;
    };
    switch (kind(value)) {
      case "map":
        return cloneMap(value, fresh(new PlainMap()), seen);
      case "set":
        return cloneSet(value, fresh(new PlainSet()), seen);
      case "error":
        return cloneError(value, seen, fresh);
      case "array":
        return copyMembers(value, fresh(new PlainArray(value.length)), seen);
    }
    return copyMembers(value, fresh({}), seen);
  };
  // The entries are listed before any is cloned, for a getter inside may change the collection.
  const cloneMap = (value, copy, seen) => {
    const entries = [];
    mapEach(value, (item, key) => push(entries, key, item));
    for (let i = 0; i < entries.length; i += 2) put(copy, clone(entries[i], seen), clone(entries[i + 1], seen));
    return copy;
  };
  const cloneSet = (value, copy, seen) => {
    const items = [];
    setEach(value, (item) => push(items, item));
    for (let i = 0; i < items.length; i++) add(copy, clone(items[i], seen));
    return copy;
  };
  const cloneError = (value, seen, fresh) => {
    const { name } = value;
    const message = getOwnPropertyDescriptor(value, "message");
    const copy = fresh(new (errors[typeof name === "string" ? name : ""] ?? PlainError)());
    const hide = (key, member) => defineProperty(copy, key, { value: member, writable: true, configurable: true });
    if (message !== undefined && hasOwn(message, "value")) hide("message", `${message.value}`);
    if (hasOwn(value, "cause")) hide("cause", clone(value.cause, seen));
    if (typeof value.stack === "string") hide("stack", value.stack);
    return copy;
  };
  const copyMembers = (value, copy, seen) => {
    const names = keys(value);
    for (let i = 0; i < names.length; i++) {
      // A getter may have removed it.
      if (!hasOwn(value, names[i])) continue;
      defineProperty(copy, names[i], {
        value: clone(value[names[i]], seen),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return copy;
  };

  // The buffers that are handed over: they are taken away from the original once all is cloned.
  const transferred = (options) => {
    const { transfer } = kit.dictionary("structuredClone", options);
    if (transfer === undefined) return [];
    const list = kit.sequence("structuredClone", "transfer", transfer),
      seen = new PlainMap();
    for (let i = 0; i < list.length; i++) {
      if (!isObject(list[i])) throw typeError(`structuredClone: ${kit.describe(list[i])} cannot be transferred`);
      if (kind(list[i]) !== "buffer" || isDetached(list[i]) || has(seen, list[i]))
        throw domException(`structuredClone: ${slice(inspect(list[i]), 0, 200)} cannot be transferred`, "DataCloneError");
      put(seen, list[i], true);
    }
    return list;
  };
  kit.cloneValue = (value) => clone(value, new PlainMap());
  kit.global("structuredClone", function structuredClone(value, options = undefined) {
    kit.need("structuredClone", arguments.length, 1);
    const buffers = transferred(options),
      seen = new PlainMap();
    // Copied like others, and emptied when nothing can fail any more.
    for (let i = 0; i < buffers.length; i++) put(seen, buffers[i], copyBuffer(buffers[i]));
    const copy = clone(value, seen);
    for (let i = 0; i < buffers.length; i++) transferBuffer(buffers[i]);
    return copy;
  });
});
