// `Request`, after the fetch standard, with `params` and `auth` where it is the argument of an endpoint script.
(function (native, kit) {
  "use strict";
  const { typeError, toText, upper, test, Headers, Body, options, freeze } = kit;
  const REDIRECTS = ["follow", "manual", "error"];
  const NORMALISED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

  const methodOf = (value) => {
    const method = toText(value);
    if (!test(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, method))
      throw typeError(`Request: not a method: ${kit.inspect(method)}`);
    const normal = upper(method);
    for (let i = 0; i < NORMALISED.length; i++) if (NORMALISED[i] === normal) return normal;
    return method;
  };
  const redirectOf = (value) => {
    for (let i = 0; i < REDIRECTS.length; i++) if (REDIRECTS[i] === value) return value;
    throw typeError(`Request: redirect must be "follow", "manual" or "error", not ${kit.inspect(value)}`);
  };

  // Stands for the input of a request that came through the host and needs no check.
  const RECEIVED = freeze({});

  class Request extends Body {
    #url;
    #method;
    #headers;
    #redirect;
    #signal;

    constructor(input, init) {
      if (input === RECEIVED) {
        super(init.content);
        this.#url = init.url;
        this.#method = init.method;
        this.#headers = init.headers;
        this.#redirect = "follow";
        return;
      }
      init = options("Request", init);
      const from = typeof input === "object" && input !== null && #url in input ? input : undefined;
      const method = init.method !== undefined ? methodOf(init.method) : from !== undefined ? from.#method : "GET";
      const own = kit.contentOf("Request", init.body);
      const content = own.content ?? (from === undefined ? null : kit.unusedBody(from, "Request"));
      if (content !== null && (method === "GET" || method === "HEAD"))
        throw typeError(`Request: a ${method} request has no body`);
      super(content);
      this.#url = from === undefined ? kit.address("Request", input) : from.#url;
      this.#method = method;
      this.#headers = new Headers(init.headers ?? from?.#headers);
      this.#redirect = init.redirect === undefined ? (from?.#redirect ?? "follow") : redirectOf(init.redirect);
      this.#signal = init.signal ?? from?.#signal;
      if (own.type !== null && !this.#headers.has("content-type")) this.#headers.set("content-type", own.type);
      if (from !== undefined && own.content === null) kit.useBody(from);
    }
    get url() {
      return this.#url;
    }
    get method() {
      return this.#method;
    }
    get headers() {
      return this.#headers;
    }
    get redirect() {
      return this.#redirect;
    }
    get signal() {
      return (this.#signal ??= new AbortController().signal);
    }
    clone() {
      const copy = new Request(this.#url, {
        method: this.#method,
        headers: this.#headers,
        redirect: this.#redirect,
        signal: this.#signal,
        body: kit.unusedBody(this, "Request.clone"),
      });
      if (this.params !== undefined) incoming(copy, this.params, this.auth);
      return copy;
    }
    static {
      // What `http` sends.
      kit.requestParts = (request) => ({
        url: request.#url,
        method: request.#method,
        headers: request.#headers,
        redirect: request.#redirect,
        signal: request.#signal,
      });
    }
  }
  kit.markMembers(Request);
  kit.webClass(Request, "Request");
  const incoming = (request, params, auth) => {
    kit.defineProperty(request, "params", { value: params, enumerable: true });
    kit.defineProperty(request, "auth", { value: auth, enumerable: true });
    return request;
  };
  const AbortController = globalThis.AbortController;

  // The argument of an endpoint script, from the parts that the host handed in.
  kit.incomingRequest = ({ method, url, headers, body, params, auth }) => {
    const content = body.length === 0 || method === "GET" || method === "HEAD" ? null : body;
    const request = new Request(RECEIVED, { method, url, headers: kit.receivedHeaders(headers), content });
    const named = {};
    for (let i = 0; i < params.length; i += 2)
      kit.defineProperty(named, params[i], { value: params[i + 1], enumerable: true });
    return incoming(request, freeze(named), freeze(auth));
  };
  kit.Request = Request;
});
