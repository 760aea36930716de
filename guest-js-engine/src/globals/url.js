// `URL` and `URLSearchParams`, after the URL standard.
(function (native, kit) {
  "use strict";
  const { typeError, push, slice, describe, need, isObject, pairsOf, pairIterable, uncurry } = kit;
  const sort = uncurry(Array.prototype.sort);
  const text = kit.usvString;
  const [HREF, ORIGIN, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ];

  class URLSearchParams {
    #pairs = [];
    #url;

    constructor(init = "") {
      if (!isObject(init)) {
        const query = text(init);
        this.#pairs = native.parseQuery(query[0] === "?" ? slice(query, 1) : query);
        return;
      }
      const pairs = pairsOf("URLSearchParams", init, text);
      // Two names of an object may be one when they are well-formed: the later value counts, in the earlier place.
      if (typeof init[Symbol.iterator] === "function") this.#pairs = pairs;
      else for (let i = 0; i < pairs.length; i += 2) this.#put(pairs[i], pairs[i + 1]);
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
      pairIterable(URLSearchParams, "URLSearchParams", (params, index) => {
        const at = 2 * index;
        return at < params.#pairs.length ? [params.#pairs[at], params.#pairs[at + 1]] : undefined;
      });
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
      need("URLSearchParams.append", arguments.length, 2);
      push(this.#pairs, text(name), text(value));
      this.#changed();
    }
    delete(name, value) {
      need("URLSearchParams.delete", arguments.length, 1);
      const gone = text(name),
        only = value === undefined ? undefined : text(value);
      this.#filter((n, v) => n !== gone || (only !== undefined && v !== only));
      this.#changed();
    }
    get(name) {
      need("URLSearchParams.get", arguments.length, 1);
      const wanted = text(name);
      for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === wanted) return this.#pairs[i + 1];
      return null;
    }
    getAll(name) {
      need("URLSearchParams.getAll", arguments.length, 1);
      const wanted = text(name),
        values = [];
      for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === wanted) push(values, this.#pairs[i + 1]);
      return values;
    }
    has(name, value) {
      need("URLSearchParams.has", arguments.length, 1);
      const wanted = text(name),
        only = value === undefined ? undefined : text(value);
      for (let i = 0; i < this.#pairs.length; i += 2) {
        if (this.#pairs[i] === wanted && (only === undefined || this.#pairs[i + 1] === only)) return true;
      }
      return false;
    }
    set(name, value) {
      need("URLSearchParams.set", arguments.length, 2);
      this.#put(text(name), text(value));
      this.#changed();
    }
    #put(wanted, value) {
      let first = -1;
      this.#filter((name, _value, i) => {
        if (name !== wanted) return true;
        if (first >= 0) return false;
        first = i;
        return true;
      });
      if (first < 0) push(this.#pairs, wanted, value);
      else this.#pairs[first + 1] = value;
    }
    sort() {
      const pairs = [];
      for (let i = 0; i < this.#pairs.length; i += 2) push(pairs, [this.#pairs[i], this.#pairs[i + 1]]);
      sort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
      this.#pairs = [];
      for (let i = 0; i < pairs.length; i++) push(this.#pairs, pairs[i][0], pairs[i][1]);
      this.#changed();
    }
    toString() {
      return native.formatQuery(this.#pairs);
    }
  }
  kit.arity(URLSearchParams.prototype, { delete: 1, has: 1 });
  kit.webClass(URLSearchParams, "URLSearchParams");
  kit.parseQuery = native.parseQuery;

  class URL {
    #parts;
    #params;

    constructor(address, base) {
      need("URL", arguments.length, 1);
      const url = text(address),
        parts = native.parse(url, base === undefined ? undefined : text(base));
      if (parts === undefined || parts === null) throw typeError(`Invalid URL: ${slice(url, 0, 200)}`);
      this.#parts = parts;
    }
    static {
      kit.isUrl = (value) => isObject(value) && #parts in value;
    }
    static canParse(address, base) {
      need("URL.canParse", arguments.length, 1);
      return parsed(address, base) !== undefined;
    }
    static parse(address, base) {
      need("URL.parse", arguments.length, 1);
      const href = parsed(address, base);
      return href === undefined ? null : new URL(href);
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
  // The address, absolute; nothing where it is none.
  const parsed = (address, base) => {
    const parts = native.parse(text(address), base === undefined ? undefined : text(base));
    return parts === undefined || parts === null ? undefined : parts[HREF];
  };
  kit.arity(URL, { canParse: 1, parse: 1 });
  for (const name of ["canParse", "parse"]) kit.defineProperty(URL, name, { enumerable: true });
  kit.defineProperty(URL, "length", { value: 1 });
  kit.defineProperty(URLSearchParams, "length", { value: 0 });
  kit.webClass(URL, "URL");

  // The absolute address of a request, as text.
  kit.address = (where, value) => {
    if (typeof value !== "string" && !(value instanceof URL)) {
      throw typeError(`${where}: the URL must be a string or a URL, not ${describe(value)}`);
    }
    const parts = native.parse(text(value), undefined);
    if (parts === undefined || parts === null)
      throw typeError(`${where}: not an absolute URL: ${slice(text(value), 0, 200)}`);
    if (parts[USERNAME] !== "" || parts[PASSWORD] !== "")
      throw typeError(`${where}: a URL with a user name or a password is not requested; use the header authorization`);
    return parts[HREF];
  };
});
