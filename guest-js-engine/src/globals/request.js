// `Request`, after the fetch standard, with `params` and `auth` where it is the argument of an endpoint script.
(function (native, kit) {
  "use strict";
  const { typeError, upper, test, Headers, Body, need, domString, dictionary, oneOf, freeze, describe } = kit;
  const REDIRECTS = ["follow", "manual", "error"];
  const NORMALISED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

  const methodOf = (value) => {
    const method = domString(value);
    if (!test(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, method))
      throw typeError(`Request: not a method: ${kit.inspect(method)}`);
    if (test(/^(?:CONNECT|TRACE|TRACK)$/i, method)) throw typeError(`Request: the method ${method} cannot be sent`);
    const normal = upper(method);
    for (let i = 0; i < NORMALISED.length; i++) if (NORMALISED[i] === normal) return normal;
    return method;
  };
  const signalOf = (value, otherwise) => {
    if (value === undefined) return otherwise;
    if (value !== null && !kit.isSignal(value))
      throw typeError(`Request: the signal must be an AbortSignal, not ${describe(value)}`);
    return value ?? undefined;
  };

  // Stands for the input of a request that came through the host and needs no check.
  const RECEIVED = freeze({});

  class Request extends Body {
    #url;
    #method;
    #headers;
    #redirect;
    #signal;

    constructor(input, init = undefined) {
      if (input === RECEIVED) {
        super(init.content);
        this.#url = init.url;
        this.#method = init.method;
        this.#headers = init.headers;
        this.#redirect = "follow";
        return;
      }
      need("Request", arguments.length, 1);
      const given = dictionary("Request", init);
      const from = typeof input === "object" && input !== null && #url in input ? input : undefined;
      const url = from === undefined ? kit.address("Request", input) : from.#url;
      const { body, headers, redirect, signal } = given;
      const method = given.method !== undefined ? methodOf(given.method) : from !== undefined ? from.#method : "GET";
      const isBodiless = method === "GET" || method === "HEAD";
      const hasOwn = body !== undefined && body !== null;
      if (isBodiless && (hasOwn || (from !== undefined && kit.hasBody(from))))
        throw typeError(`Request: a ${method} request has no body`);
      const mode = redirect === undefined ? (from?.#redirect ?? "follow") : oneOf("Request", "redirect", redirect, REDIRECTS);
      const follows = signalOf(signal, from?.#signal);
      const fields = new Headers(headers ?? from?.#headers);
      // Last, for it is what is taken from the other request.
      const own = kit.contentOf("Request", body);
      super(hasOwn || from === undefined ? own.content : kit.takeBody(from, "Request"));
      this.#url = url;
      this.#method = method;
      this.#headers = fields;
      this.#redirect = mode;
      this.#signal = follows === undefined ? undefined : kit.followingSignal([follows]);
      if (own.type !== null && !fields.has("content-type")) fields.set("content-type", own.type);
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
      return (this.#signal ??= kit.newSignal());
    }
    get duplex() {
      this.#url;
      return "half";
    }
    clone() {
      const copy = new Request(RECEIVED, {
        content: kit.copyBody(this, "Request.clone"),
        url: this.#url,
        method: this.#method,
        headers: new Headers(this.#headers),
      });
      copy.#redirect = this.#redirect;
      copy.#signal = this.#signal === undefined ? undefined : kit.followingSignal([this.#signal]);
      if (kit.hasOwn(this, "params") && kit.hasOwn(this, "auth")) incoming(copy, this.params, this.auth);
      return copy;
    }
    static {
      kit.requestHeaders = (value) => (typeof value === "object" && value !== null && #url in value ? value.#headers : undefined);
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
  kit.defineProperty(Request, "length", { value: 1 });
  kit.webClass(Request, "Request");
  const incoming = (request, params, auth) => {
    kit.defineProperty(request, "params", { value: params, enumerable: true });
    kit.defineProperty(request, "auth", { value: auth, enumerable: true });
    return request;
  };

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
