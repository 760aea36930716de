// What Web IDL asks of every interface of the web: conversions of arguments, and iterators over pairs.
(function (native, kit) {
  "use strict";
  const { typeError, describe, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = kit;
  const { push, toWellFormed, apply, isWellFormed } = kit;
  const iterate = Symbol.iterator;
  const iteratorPrototype = getPrototypeOf(getPrototypeOf([][iterate]()));
  const { setPrototypeOf } = Object;
  const toNumber = Number,
    truncate = Math.trunc;

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
  // As many arguments as are not optional.
  const need = (where, given, least) => {
    if (given < least) throw typeError(`${where}: ${least} argument${least === 1 ? " is" : "s are"} needed, not ${given}`);
  };
  // A DOMString. Unlike `String`, a template refuses symbols.
  const domString = (value) => `${value}`;
  // A USVString: lone surrogates become U+FFFD.
  const usvString = (value) => {
    const text = `${value}`;
    return isWellFormed(text) ? text : toWellFormed(text);
  };
  // A dictionary: an object, or nothing.
  const dictionary = (where, value) => {
    if (value === undefined || value === null) return {};
    if (!isObject(value)) throw typeError(`${where}: the options must be an object, not ${describe(value)}`);
    return value;
  };
  const oneOf = (where, name, value, allowed) => {
    const text = domString(value);
    for (let i = 0; i < allowed.length; i++) if (allowed[i] === text) return text;
    throw typeError(`${where}: ${name} must be "${kit.join(allowed, '" or "')}", not ${kit.inspect(text)}`);
  };
  // A whole number with [Clamp].
  const clamped = (value, least, most) => {
    const number = toNumber(value);
    if (!(number > least)) return least;
    return number >= most ? most : truncate(number);
  };
  // A long long, as far as a number holds one.
  const longLong = (value) => {
    const number = truncate(toNumber(value));
    return number > -Infinity && number < Infinity ? number + 0 : 0;
  };
  const asItIs = (value) => value;
  // The elements of a sequence, each converted before the next is asked for.
  const sequence = (where, name, value, convert = asItIs) => {
    const method = isObject(value) ? value[iterate] : undefined;
    if (typeof method !== "function")
      throw typeError(`${where}: ${name} must be an array or another iterable, not ${describe(value)}`);
    return elements(value, method, convert);
  };
  const elements = (value, method, convert) => {
    const list = [];
    for (const element of { [iterate]: () => apply(method, value, []) }) push(list, convert(element));
    return list;
  };
  // Names and values in turn, of an iterable of pairs or of an object's own properties; each is converted when it is
  // read, before the next.
  const pairsOf = (where, init, nameOf, valueOf = nameOf) => {
    const method = init[iterate],
      list = [];
    if (method === undefined || method === null) {
      const names = ownKeys(init);
      for (let i = 0; i < names.length; i++) {
        const property = getOwnPropertyDescriptor(init, names[i]);
        if (property === undefined || !property.enumerable) continue;
        const name = nameOf(names[i]);
        push(list, name, valueOf(init[names[i]]));
      }
      return list;
    }
    if (typeof method !== "function") throw typeError(`${where}: the fields must be an object or an iterable of pairs`);
    const entries = elements(init, method, (entry) => {
      let isName = true;
      return sequence(where, "each entry", entry, (part) => {
        const convert = isName ? nameOf : valueOf;
        isName = false;
        return convert(part);
      });
    });
    for (let i = 0; i < entries.length; i++) {
      const pair = entries[i];
      if (pair.length !== 2) throw typeError(`${where}: each entry must be a pair of a name and a value`);
      push(list, pair[0], pair[1]);
    }
    return list;
  };

  const ENTRY = 0,
    KEY = 1,
    VALUE = 2;
  // Give a class the members of an iterable interface. `pairAt` answers the pair at an index, or `undefined` past the
  // end, and throws for what is no instance: an iterator sees what happens to the object while it walks.
  const pairIterable = (constructor, name, pairAt) => {
    class PairIterator {
      #object;
      #what;
      #index = 0;
      constructor(object, what) {
        pairAt(object, 0);
        this.#object = object;
        this.#what = what;
      }
      next() {
        const pair = pairAt(this.#object, this.#index);
        if (pair === undefined) return { value: undefined, done: true };
        this.#index++;
        return { value: this.#what === ENTRY ? pair : pair[this.#what - KEY], done: false };
      }
    }
    const { prototype } = PairIterator;
    setPrototypeOf(prototype, iteratorPrototype);
    delete prototype.constructor;
    defineProperty(prototype, "next", { enumerable: true });
    defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
    const members = {
      entries() {
        return new PairIterator(this, ENTRY);
      },
      keys() {
        return new PairIterator(this, KEY);
      },
      values() {
        return new PairIterator(this, VALUE);
      },
      forEach(callback, self) {
        pairAt(this, 0);
        need(`${name}.forEach`, arguments.length, 1);
        if (typeof callback !== "function")
          throw typeError(`${name}.forEach: the callback must be a function, not ${describe(callback)}`);
        for (let i = 0, pair; (pair = pairAt(this, i)) !== undefined; i++) apply(callback, self, [pair[1], pair[0], this]);
      },
    };
    defineProperty(members.forEach, "length", { value: 1 });
    const put = (key, value, enumerable) =>
      defineProperty(constructor.prototype, key, { value, writable: true, enumerable, configurable: true });
    const keys = ownKeys(members);
    for (let i = 0; i < keys.length; i++) put(keys[i], members[keys[i]], true);
    put(iterate, members.entries, false);
  };
  // How many arguments a function says it takes, where parameters with defaults or `arguments` hide it.
  const arity = (prototype, lengths) => {
    for (const name in lengths) defineProperty(prototype[name], "length", { value: lengths[name] });
  };

  Object.assign(kit, {
    isObject,
    need,
    domString,
    usvString,
    dictionary,
    oneOf,
    clamped,
    longLong,
    sequence,
    pairsOf,
    pairIterable,
    arity,
  });
});
