// `URL` and `URLSearchParams`, after the URL standard.
(function (native, kit) {
  "use strict";
  const { typeError, toWellFormed, toText, push, slice, keys, defineProperty, describe } = kit;
  const text = (value) => toWellFormed(toText(value));
  const [HREF, ORIGIN, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ];
  const iterate = Symbol.iterator;

  class URLSearchParams {
    #pairs = [];
    #url;

    constructor(init) {
      if (init === undefined) return;
      if (init === null || (typeof init !== "object" && typeof init !== "function")) {
        const query = text(init);
        this.#pairs = native.parseQuery(query[0] === "?" ? slice(query, 1) : query);
      } else if (typeof init[iterate] === "function") {
        for (const pair of init) {
          const [name, value, ...more] = pair;
          if (value === undefined || more.length > 0)
            throw typeError("URLSearchParams: each entry must be a pair of a name and a value");
          this.append(name, value);
        }
      } else {
        const names = keys(init);
        for (let i = 0; i < names.length; i++) this.append(names[i], init[names[i]]);
      }
    }
    static {
      kit.boundParams = (query, url) => {
        const params = new URLSearchParams(query);
        params.#url = url;
        return params;
      };
      kit.resetParams = (params, query) => {
        params.#pairs = native.parseQuery(slice(query, 1));
      };
      kit.isParams = (value) => typeof value === "object" && value !== null && #pairs in value;
    }
    #changed() {
      if (this.#url !== undefined) this.#url(this.toString());
    }
    // Keep the pairs for which `keep` is true.
    #filter(keep) {
      const kept = [];
      for (let i = 0; i < this.#pairs.length; i += 2) {
        if (keep(this.#pairs[i], this.#pairs[i + 1], i)) push(kept, this.#pairs[i], this.#pairs[i + 1]);
      }
      this.#pairs = kept;
    }
    get size() {
      return this.#pairs.length / 2;
    }
    append(name, value) {
      push(this.#pairs, text(name), text(value));
      this.#changed();
    }
    delete(name, value) {
      const gone = text(name);
      this.#filter((n, v) => n !== gone || (value !== undefined && v !== text(value)));
      this.#changed();
    }
    get(name) {
      const wanted = text(name);
      for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === wanted) return this.#pairs[i + 1];
      return null;
    }
    getAll(name) {
      const wanted = text(name),
        values = [];
      for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === wanted) push(values, this.#pairs[i + 1]);
      return values;
    }
    has(name, value) {
      const wanted = text(name);
      for (let i = 0; i < this.#pairs.length; i += 2) {
        if (this.#pairs[i] === wanted && (value === undefined || this.#pairs[i + 1] === text(value))) return true;
      }
      return false;
    }
    set(name, value) {
      const wanted = text(name);
      let first = -1;
      this.#filter((n, _value, i) => {
        if (n !== wanted) return true;
        if (first < 0) {
          first = i;
          return true;
        }
        return false;
      });
      if (first < 0) push(this.#pairs, wanted, text(value));
      else this.#pairs[first + 1] = text(value);
      this.#changed();
    }
    sort() {
      const pairs = [];
      for (let i = 0; i < this.#pairs.length; i += 2) push(pairs, [this.#pairs[i], this.#pairs[i + 1]]);
      pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      this.#pairs = pairs.flat();
      this.#changed();
    }
    forEach(callback, self) {
      for (let i = 0; i < this.#pairs.length; i += 2)
        kit.apply(callback, self, [this.#pairs[i + 1], this.#pairs[i], this]);
    }
    *entries() {
      for (let i = 0; i < this.#pairs.length; i += 2) yield [this.#pairs[i], this.#pairs[i + 1]];
    }
    *keys() {
      for (let i = 0; i < this.#pairs.length; i += 2) yield this.#pairs[i];
    }
    *values() {
      for (let i = 0; i < this.#pairs.length; i += 2) yield this.#pairs[i + 1];
    }
    toString() {
      return native.formatQuery(this.#pairs);
    }
  }
  kit.webClass(URLSearchParams, "URLSearchParams");
  defineProperty(URLSearchParams.prototype, iterate, {
    value: URLSearchParams.prototype.entries,
    writable: true,
    configurable: true,
  });

  class URL {
    #parts;
    #params;

    constructor(address, base) {
      const parts = native.parse(text(address), base === undefined ? undefined : text(base));
      if (parts === undefined || parts === null) throw typeError(`Invalid URL: ${slice(text(address), 0, 200)}`);
      this.#parts = parts;
    }
    static canParse(address, base) {
      return URL.parse(address, base) !== null;
    }
    static parse(address, base) {
      try {
        return new URL(address, base);
      } catch {
        return null;
      }
    }
    #change(part, value) {
      this.#parts = native.change(this.#parts[HREF], part, text(value)) ?? this.#parts;
      if (this.#params !== undefined && part === "search") kit.resetParams(this.#params, this.#parts[SEARCH]);
    }
    get searchParams() {
      this.#params ??= kit.boundParams(this.#parts[SEARCH], (query) => {
        this.#parts = native.change(this.#parts[HREF], "search", query) ?? this.#parts;
      });
      return this.#params;
    }
    get href() {
      return this.#parts[HREF];
    }
    set href(value) {
      this.#parts =
        native.parse(text(value), undefined) ?? kit.raise(typeError(`Invalid URL: ${slice(text(value), 0, 200)}`));
      if (this.#params !== undefined) kit.resetParams(this.#params, this.#parts[SEARCH]);
    }
    get origin() {
      return this.#parts[ORIGIN];
    }
    get protocol() {
      return this.#parts[PROTOCOL];
    }
    set protocol(value) {
      this.#change("protocol", value);
    }
    get username() {
      return this.#parts[USERNAME];
    }
    set username(value) {
      this.#change("username", value);
    }
    get password() {
      return this.#parts[PASSWORD];
    }
    set password(value) {
      this.#change("password", value);
    }
    get host() {
      return this.#parts[HOST];
    }
    set host(value) {
      this.#change("host", value);
    }
    get hostname() {
      return this.#parts[HOSTNAME];
    }
    set hostname(value) {
      this.#change("hostname", value);
    }
    get port() {
      return this.#parts[PORT];
    }
    set port(value) {
      this.#change("port", value);
    }
    get pathname() {
      return this.#parts[PATHNAME];
    }
    set pathname(value) {
      this.#change("pathname", value);
    }
    get search() {
      return this.#parts[SEARCH];
    }
    set search(value) {
      this.#change("search", value);
    }
    get hash() {
      return this.#parts[HASH];
    }
    set hash(value) {
      this.#change("hash", value);
    }
    toString() {
      return this.#parts[HREF];
    }
    toJSON() {
      return this.#parts[HREF];
    }
  }
  kit.webClass(URL, "URL");

  // The absolute address of a request, as text.
  kit.address = (where, value) => {
    if (typeof value !== "string" && !(value instanceof URL)) {
      throw typeError(`${where}: the URL must be a string or a URL, not ${describe(value)}`);
    }
    const parts = native.parse(text(value), undefined);
    if (parts === undefined || parts === null)
      throw typeError(`${where}: not an absolute URL: ${slice(text(value), 0, 200)}`);
    return parts[HREF];
  };
});
