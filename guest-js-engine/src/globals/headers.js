// `Headers`, after the fetch standard.
(function (native, kit) {
  "use strict";
  const { typeError, lower, test, push, uncurry, describe, need, domString, isObject, pairsOf, pairIterable } = kit;
  const replace = uncurry(String.prototype.replace),
    sort = uncurry(Array.prototype.sort);

  const byteString = (value) => {
    const text = domString(value);
    if (test(/[^\0-\xff]/, text)) throw typeError(`Headers: ${kit.inspect(kit.slice(text, 0, 100))} has characters beyond U+00FF`);
    return text;
  };
  const token = (name) => {
    const text = domString(name);
    return lower(requireToken(text));
  };
  const requireToken = (text) => {
    if (!test(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, text))
      throw typeError(`not a header name: ${kit.inspect(kit.slice(text, 0, 100))}`);
    return text;
  };
  // A value has the characters of Latin-1 alone, and no line breaks: it could not be told from what follows it.
  const content = (name, value) => {
    if (kit.isSecret(value))
      throw typeError(`the value of the header ${name} must be text, not a secret: pass the secret in the headers of http or fetch`);
    const text = replace(domString(value), /^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (test(/[\0\r\n]|[^\0-\xff]/, text))
      throw typeError(`the value of the header ${name} contains a character that no header may have (line breaks, NUL, or beyond U+00FF)`);
    return text;
  };

  class Headers {
    // Names in lower case and values, in turn, in the order of their appearance.
    #list = [];
    // What iterators walk: made when one first asks, and again after a change.
    #pairs;
    #isImmutable = false;

    constructor(init) {
      if (init === undefined) return;
      if (!isObject(init)) throw typeError(`Headers: the fields must be an object, not ${describe(init)}`);
      if (#list in init && Headers.prototype[Symbol.iterator] === init[Symbol.iterator]) {
        this.#list = copy(init.#list);
        return;
      }
      const pairs = pairsOf("Headers", init, byteString, (value) => (kit.isSecret(value) ? value : byteString(value)));
      for (let i = 0; i < pairs.length; i += 2) this.append(pairs[i], pairs[i + 1]);
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
      kit.freezeHeaders = (headers) => {
        headers.#isImmutable = true;
        return headers;
      };
      pairIterable(Headers, "Headers", (headers, index) => {
        const pair = (headers.#pairs ??= headers.#sorted())[index];
        return pair === undefined ? undefined : [pair[0], pair[1]];
      });
      kit.isHeaders = (value) => typeof value === "object" && value !== null && #list in value;
    }
    #changes() {
      if (this.#isImmutable) throw typeError("these headers cannot be changed");
      this.#pairs = undefined;
    }
    append(name, value) {
      need("Headers.append", arguments.length, 2);
      const field = token(name),
        text = content(field, value);
      this.#changes();
      push(this.#list, field, text);
    }
    delete(name) {
      need("Headers.delete", arguments.length, 1);
      const field = token(name);
      this.#changes();
      this.#drop(field);
    }
    #drop(field) {
      const kept = [];
      for (let i = 0; i < this.#list.length; i += 2)
        if (this.#list[i] !== field) push(kept, this.#list[i], this.#list[i + 1]);
      this.#list = kept;
    }
    get(name) {
      need("Headers.get", arguments.length, 1);
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
      need("Headers.has", arguments.length, 1);
      const field = token(name);
      for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === field) return true;
      return false;
    }
    set(name, value) {
      need("Headers.set", arguments.length, 2);
      const field = token(name),
        text = content(field, value);
      this.#changes();
      this.#drop(field);
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
  }
  const copy = (list) => {
    const copied = [];
    for (let i = 0; i < list.length; i++) push(copied, list[i]);
    return copied;
  };
  kit.webClass(Headers, "Headers");
  kit.defineProperty(Headers, "length", { value: 0 });
  kit.Headers = Headers;
  // The text of a header's name, as it was written.
  kit.headerName = (name) => requireToken(domString(name));
});
