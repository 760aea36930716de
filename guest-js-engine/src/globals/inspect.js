// Showing any value as text. Nothing of the script's runs: getters are not read, proxies not asked, and whatever is
// called was taken before a script could patch it.
(function (native, kit) {
  "use strict";
  const { uncurry, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, slice, push, join, stringify, test, toText } =
    kit;
  const { kind } = native;

  const DEPTH = 6,
    ITEMS = 100,
    CHARACTERS = 16 * 1024;
  // Walked by their iterators, which can be left early.
  const mapEntries = uncurry(Map.prototype.entries),
    setEntries = uncurry(Set.prototype.entries),
    nextOfMap = uncurry(getPrototypeOf(new Map().entries()).next),
    nextOfSet = uncurry(getPrototypeOf(new Set().entries()).next);
  // More digits than a line has; to write a number takes time in the square of its length.
  const LARGE = 1n << 65536n;
  const isoDate = uncurry(Date.prototype.toISOString),
    time = uncurry(Date.prototype.getTime);
  const describeSymbol = uncurry(Symbol.prototype.toString);
  const isSimpleKey = (key) => test(/^[A-Za-z_$][\w$]*$/, key);
  const typedArray = getPrototypeOf(Uint8Array.prototype);
  const getterOf = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
  const lengthOf = getterOf(typedArray, "length"),
    tagOf = getterOf(typedArray, Symbol.toStringTag);
  const bufferLength = getterOf(ArrayBuffer.prototype, "byteLength");
  const mapSize = getterOf(Map.prototype, "size"),
    setSize = getterOf(Set.prototype, "size");
  const sourceOf = getterOf(RegExp.prototype, "source");
  const flags = [
    ["g", "global"],
    ["i", "ignoreCase"],
    ["m", "multiline"],
    ["s", "dotAll"],
    ["u", "unicode"],
    ["y", "sticky"],
  ].map(([letter, name]) => ({ letter, get: getterOf(RegExp.prototype, name) }));

  // A data property, found without running a getter or a trap.
  const dataOf = (object, name) => {
    for (let depth = 0; object !== null && depth < 32; depth++) {
      if (typeof object === "object" && kind(object) === "proxy") return undefined;
      const property = getOwnPropertyDescriptor(object, name);
      if (property !== undefined) return property.value;
      object = getPrototypeOf(object);
    }
    return undefined;
  };
  const nameOf = (object) => {
    const constructor = dataOf(object, "constructor");
    if (typeof constructor !== "function" || kind(constructor) === "proxy") return "";
    const name = dataOf(constructor, "name");
    return typeof name === "string" ? slice(name, 0, 100) : "";
  };
  const quoted = (text) => stringify(text.length > CHARACTERS ? slice(text, 0, CHARACTERS) : text);

  const primitive = (value) => {
    switch (typeof value) {
      case "string":
        return quoted(value);
      case "bigint":
        return value < LARGE && value > -LARGE ? `${value}n` : "[a large BigInt]";
      case "symbol":
        return slice(describeSymbol(value), 0, 200);
      case "number":
        return value === 0 && 1 / value < 0 ? "-0" : toText(value);
      default:
        return toText(value);
    }
  };
  const functionText = (value) => {
    if (kind(value) === "proxy") return "[Proxy]";
    const name = dataOf(value, "name");
    return typeof name === "string" && name !== "" ? `[Function: ${slice(name, 0, 200)}]` : "[Function]";
  };
  const regexpText = (value) => {
    let text = `/${sourceOf(value)}/`;
    for (let i = 0; i < flags.length; i++) if (flags[i].get(value)) text += flags[i].letter;
    return text;
  };
  const errorText = (value) => {
    const name = dataOf(value, "name"),
      message = dataOf(value, "message"),
      stack = dataOf(value, "stack");
    let text = typeof name === "string" && name !== "" ? slice(name, 0, 200) : "Error";
    if (typeof message === "string" && message !== "") text += `: ${slice(message, 0, 8192)}`;
    if (typeof stack === "string" && stack !== "") {
      const trace = kit.frames === undefined ? stack : kit.frames(slice(stack, 0, 8192));
      if (trace !== "") text += `\n${trace}`;
    }
    return text;
  };

  // The state of one inspection: the objects around the current one, and how many characters are left.
  const show = (value, state, depth) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) {
      const text = primitive(value);
      state.left -= text.length;
      return text;
    }
    if (typeof value === "function") return functionText(value);
    const what = kind(value);
    switch (what) {
      case "proxy":
        return "[Proxy]";
      case "error": {
        const text = errorText(value);
        state.left -= text.length;
        return text;
      }
      case "date":
        return time(value) === time(value) ? isoDate(value) : "Invalid Date";
      case "regexp":
        return regexpText(value);
      case "promise":
        return "Promise {}";
      case "buffer":
        return `ArrayBuffer(${bufferLength(value)})`;
    }
    // A handle is known by a private field, which no getter and no trap can pretend.
    if (kit.isSecret?.(value)) return `[secret ${kit.secretName(value)}]`;
    for (let i = 0; i < state.around.length; i++) if (state.around[i] === value) return "[Circular]";
    if (depth >= DEPTH) return what === "array" ? "[Array]" : `[${nameOf(value) || "Object"}]`;
    push(state.around, value);
    const text = container(value, what, state, depth + 1);
    state.around.length--;
    return text;
  };

  const container = (value, what, state, depth) => {
    switch (what) {
      case "array":
        return listed(value, value.length, "", state, depth);
      case "bytes":
        return listed(value, lengthOf(value), `${tagOf(value)}(${lengthOf(value)}) `, state, depth);
      case "map":
        return collected(mapEntries(value), nextOfMap, `Map(${mapSize(value)})`, mapSize(value), state, depth);
      case "set":
        return collected(setEntries(value), nextOfSet, `Set(${setSize(value)})`, setSize(value), state, depth);
      default:
        return members(value, state, depth);
    }
  };
  const listed = (value, length, prefix, state, depth) => {
    const parts = [];
    for (let i = 0; i < length; i++) {
      if (i >= ITEMS || state.left <= 0) {
        push(parts, `… ${length - i} more`);
        break;
      }
      const property = getOwnPropertyDescriptor(value, i);
      push(parts, property === undefined ? "<empty>" : propertyText(property, state, depth));
      state.left -= 2;
    }
    return parts.length === 0 ? `${prefix}[]` : `${prefix}[ ${join(parts, ", ")} ]`;
  };
  const collected = (entries, next, prefix, size, state, depth) => {
    const parts = [];
    for (let step = next(entries); !step.done; step = next(entries)) {
      if (parts.length >= ITEMS || state.left <= 0) {
        push(parts, `… ${size - parts.length} more`);
        break;
      }
      const key = step.value[0],
        item = step.value[1];
      push(
        parts,
        next === nextOfMap ? `${show(key, state, depth)} => ${show(item, state, depth)}` : show(item, state, depth),
      );
      state.left -= 4;
    }
    return parts.length === 0 ? `${prefix} {}` : `${prefix} { ${join(parts, ", ")} }`;
  };
  const members = (value, state, depth) => {
    const keys = ownKeys(value),
      parts = [];
    let count = 0;
    for (let i = 0; i < keys.length; i++) {
      const property = getOwnPropertyDescriptor(value, keys[i]);
      if (property === undefined || !property.enumerable) continue;
      if (count++ >= ITEMS || state.left <= 0) {
        push(parts, `… ${keys.length - i} more`);
        break;
      }
      const key =
        typeof keys[i] === "symbol" ? `[${primitive(keys[i])}]` : isSimpleKey(keys[i]) ? keys[i] : quoted(keys[i]);
      state.left -= key.length + 4;
      push(parts, `${key}: ${propertyText(property, state, depth)}`);
    }
    const name = getPrototypeOf(value) === null ? "[null prototype]" : nameOf(value);
    const prefix = name === "" || name === "Object" ? "" : `${name} `;
    return parts.length === 0 ? `${prefix}{}` : `${prefix}{ ${join(parts, ", ")} }`;
  };
  const propertyText = (property, state, depth) => {
    if (property.get !== undefined) return property.set === undefined ? "[Getter]" : "[Getter/Setter]";
    if (property.set !== undefined) return "[Setter]";
    return show(property.value, state, depth);
  };

  kit.inspect = (value) => {
    try {
      const text = show(value, { around: [], left: CHARACTERS }, 0);
      return text.length > CHARACTERS ? slice(text, 0, CHARACTERS) : text;
    } catch {
      return "[a value that cannot be shown]";
    }
  };
  kit.isError = (value) => {
    if (value === null || typeof value !== "object") return false;
    return kind(value) === "error" || (kit.isDomException !== undefined && kit.isDomException(value));
  };
  kit.kind = kind;
});
