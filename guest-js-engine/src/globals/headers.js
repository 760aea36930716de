// `Headers`, after the fetch standard.
(function (native, kit) {
  "use strict";
  const { typeError, toText, lower, test, push, keys, uncurry, describe, isWellFormed } = kit;
  const iterate = Symbol.iterator;
  const replace = uncurry(String.prototype.replace),
    sort = uncurry(Array.prototype.sort);

  const token = (name) => {
    name = toText(name);
    if (!test(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, name))
      throw typeError(`not a header name: ${kit.inspect(kit.slice(name, 0, 100))}`);
    return lower(name);
  };
  const content = (name, value) => {
    if (typeof value === "symbol" || kit.isSecret(value))
      throw typeError(
        `the value of the header ${name} must be text, not ${kit.isSecret(value) ? "a secret" : "a symbol"}`,
      );
    const text = replace(toText(value), /^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (test(/[\0\r\n]/, text) || !isWellFormed(text))
      throw typeError(`the value of the header ${name} contains a character that no header may have`);
    return text;
  };

  class Headers {
    // Names in lower case and values, in turn, in the order of their appearance.
    #list = [];

    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== "object") throw typeError(`Headers: the fields must be an object, not ${describe(init)}`);
      if (#list in init) {
        for (let i = 0; i < init.#list.length; i++) push(this.#list, init.#list[i]);
      } else if (typeof init[iterate] === "function") {
        for (const pair of init) {
          const [name, value, ...more] = pair;
          if (value === undefined || more.length > 0)
            throw typeError("Headers: each entry must be a pair of a name and a value");
          this.append(name, value);
        }
      } else {
        const names = keys(init);
        for (let i = 0; i < names.length; i++) this.append(names[i], init[names[i]]);
      }
    }
    static {
      // The fields as the contract has them: names and values in turn.
      kit.headerList = (headers) => copy(headers.#list);
      // The fields of a message that came through the host, which are what they should be.
      kit.receivedHeaders = (list) => {
        const headers = new Headers();
        for (let i = 0; i < list.length; i += 2) push(headers.#list, lower(list[i]), list[i + 1]);
        return headers;
      };
      kit.isHeaders = (value) => typeof value === "object" && value !== null && #list in value;
    }
    append(name, value) {
      const field = token(name);
      push(this.#list, field, content(field, value));
    }
    delete(name) {
      const field = token(name),
        kept = [];
      for (let i = 0; i < this.#list.length; i += 2)
        if (this.#list[i] !== field) push(kept, this.#list[i], this.#list[i + 1]);
      this.#list = kept;
    }
    get(name) {
      const field = token(name);
      let found = null;
      for (let i = 0; i < this.#list.length; i += 2) {
        if (this.#list[i] === field) found = found === null ? this.#list[i + 1] : `${found}, ${this.#list[i + 1]}`;
      }
      return found;
    }
    getSetCookie() {
      const found = [];
      for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === "set-cookie") push(found, this.#list[i + 1]);
      return found;
    }
    has(name) {
      const field = token(name);
      for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === field) return true;
      return false;
    }
    set(name, value) {
      const field = token(name),
        text = content(field, value);
      this.delete(field);
      push(this.#list, field, text);
    }
    // Sorted by name, the values of one name together; cookies apart.
    #sorted() {
      const names = [],
        pairs = [];
      for (let i = 0; i < this.#list.length; i += 2) push(names, this.#list[i]);
      sort(names);
      for (let i = 0; i < names.length; i++) {
        if (i > 0 && names[i] === names[i - 1]) continue;
        if (names[i] !== "set-cookie") {
          push(pairs, [names[i], this.get(names[i])]);
          continue;
        }
        const cookies = this.getSetCookie();
        for (let c = 0; c < cookies.length; c++) push(pairs, [names[i], cookies[c]]);
      }
      return pairs;
    }
    forEach(callback, self) {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) kit.apply(callback, self, [pairs[i][1], pairs[i][0], this]);
    }
    *entries() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield pairs[i];
    }
    *keys() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield pairs[i][0];
    }
    *values() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield pairs[i][1];
    }
  }
  const copy = (list) => {
    const copied = [];
    for (let i = 0; i < list.length; i++) push(copied, list[i]);
    return copied;
  };
  kit.webClass(Headers, "Headers");
  kit.defineProperty(Headers.prototype, iterate, {
    value: Headers.prototype.entries,
    writable: true,
    configurable: true,
  });
  kit.Headers = Headers;
});
