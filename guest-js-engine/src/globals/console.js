// `console`, after the console standard. No line throws, whatever it is given.
(function (native, kit) {
  "use strict";
  const { inspect, stringify, slice, push, join, toText } = kit;
  const { write } = native;
  const DEBUG = 0,
    INFO = 1,
    WARN = 2,
    ERROR = 3;
  const LINE = 16 * 1024;
  const parseNumber = Number,
    parseInteger = Number.parseInt;

  const indexOf = kit.uncurry(String.prototype.indexOf);

  // What is cut from a line anyway is not worth looking at.
  const plain = (value) =>
    typeof value !== "string" ? inspect(value) : value.length > LINE ? slice(value, 0, LINE) : value;

  // What the standard's format specifiers make of a value; `undefined` for a letter that is none.
  const directive = (letter, value) => {
    switch (letter) {
      case "s":
        return plain(value);
      case "d":
      case "f":
        return typeof value === "object" || typeof value === "symbol" ? "NaN" : toText(parseNumber(value));
      case "i":
        return typeof value === "object" || typeof value === "symbol" ? "NaN" : toText(parseInteger(toText(value), 10));
      case "o":
      case "O":
      case "j":
        return inspect(value);
      case "c":
        return "";
    }
    return undefined;
  };
  const format = (values) => {
    const parts = [];
    let next = 0;
    if (values.length > 1 && typeof values[0] === "string") {
      const text = plain(values[next++]);
      let made = "",
        from = 0;
      for (let at = indexOf(text, "%"); at >= 0 && at + 1 < text.length; at = indexOf(text, "%", at + 2)) {
        const shown =
          text[at + 1] === "%" ? "%" : next < values.length ? directive(text[at + 1], values[next]) : undefined;
        if (shown === undefined) continue;
        if (text[at + 1] !== "%") next++;
        made += slice(text, from, at) + shown;
        from = at + 2;
      }
      push(parts, made + slice(text, from));
    }
    while (next < values.length) push(parts, plain(values[next++]));
    return join(parts, " ");
  };

  // What ends the writing of a text that would be too long for a line: bounded work, however large the value is.
  const ENOUGH = {};
  const boundedJson = (value, most) => {
    let left = most;
    const counted = (key, member) => {
      left -= 1 + key.length + (typeof member === "string" ? member.length : 0);
      if (left < 0) throw ENOUGH;
      // Such a number alone would take longer to write than all the rest.
      if (typeof member === "bigint") throw ENOUGH;
      return member;
    };
    return stringify(value, counted);
  };
  // The arguments as JSON, where they are more than texts.
  const structured = (values) => {
    let isText = true;
    for (let i = 0; i < values.length; i++) if (typeof values[i] !== "string") isText = false;
    if (isText) return undefined;
    let text = "[";
    for (let i = 0; i < values.length; i++) {
      let json;
      try {
        json = typeof values[i] === "symbol" ? undefined : boundedJson(values[i], LINE - text.length);
      } catch (error) {
        if (error === ENOUGH && typeof values[i] !== "bigint") return undefined;
        // A cycle, or a `toJSON` that throws: the shown text serves.
      }
      if (json === undefined || kit.isError(values[i])) json = stringify(inspect(values[i]));
      text += (i === 0 ? "" : ",") + json;
      if (text.length > LINE) return undefined;
    }
    return `${text}]`;
  };

  let indent = "";
  const line = (level, values) => {
    try {
      write(level, indent + format(values), structured(values));
    } catch {
      // A log line never fails the script.
    }
  };
  const counts = new kit.Map(),
    timers = new kit.Map();
  const get = kit.uncurry(Map.prototype.get),
    set = kit.uncurry(Map.prototype.set),
    remove = kit.uncurry(Map.prototype.delete);
  // Converted as the standard has it: what throws there throws at the caller.
  const label = (value) => (value === undefined ? "default" : slice(kit.domString(value), 0, LINE));
  const elapsed = (name) => `${name}: ${kit.elapsed() - get(timers, name)} ms`;

  // A namespace object of the web: enumerable members, and a prototype of its own.
  const consoleNamespace = (members) => {
    const namespace = Object.create({});
    for (const name in members) namespace[name] = members[name];
    kit.defineProperty(namespace, Symbol.toStringTag, { value: "console", configurable: true });
    return namespace;
  };
  kit.global(
    "console",
    consoleNamespace({
      debug: (...values) => line(DEBUG, values),
      trace: (...values) => line(DEBUG, values),
      log: (...values) => line(INFO, values),
      info: (...values) => line(INFO, values),
      dir: (value) => line(INFO, [value]),
      dirxml: (...values) => line(INFO, values),
      table: (value) => line(INFO, [value]),
      warn: (...values) => line(WARN, values),
      error: (...values) => line(ERROR, values),
      clear: () => {},
      assert: (condition = false, ...values) => {
        if (!condition) line(ERROR, values.length === 0 ? ["Assertion failed"] : ["Assertion failed:", ...values]);
      },
      count: (name) => {
        name = label(name);
        const count = (get(counts, name) ?? 0) + 1;
        set(counts, name, count);
        line(INFO, [`${name}: ${count}`]);
      },
      countReset: (name) => void remove(counts, label(name)),
      group: (...values) => {
        if (values.length > 0) line(INFO, values);
        if (indent.length < 40) indent += "  ";
      },
      groupCollapsed: (...values) => {
        if (values.length > 0) line(INFO, values);
        if (indent.length < 40) indent += "  ";
      },
      groupEnd: () => {
        indent = slice(indent, 2);
      },
      time: (name) => void set(timers, label(name), kit.elapsed()),
      timeLog: (name) => {
        if (get(timers, label(name)) !== undefined) line(INFO, [elapsed(label(name))]);
      },
      timeEnd: (name) => {
        if (get(timers, label(name)) === undefined) return;
        line(INFO, [elapsed(label(name))]);
        remove(timers, label(name));
      },
    }),
  );
  kit.logError = (message) => line(ERROR, [message]);
  kit.logWarning = (message) => line(WARN, [message]);
});
