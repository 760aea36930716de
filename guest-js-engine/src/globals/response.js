// `Response`, after the fetch standard, and what an endpoint script's result becomes.
(function (native, kit) {
  "use strict";
  const {
    typeError,
    rangeError,
    Headers,
    Body,
    dictionary,
    need,
    test,
    isInteger,
    keys,
    stringify,
    getPrototypeOf,
    isArray,
    bytesOf,
    inspect,
  } = kit;
  const plain = Object.prototype;
  const LEAST = 200,
    MOST = 599;
  const isRedirect = (status) => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
  const isBodiless = (status) => status === 204 || status === 205 || status === 304;
  const toNumber = Number;

  const statusOf = (value) => {
    const status = toNumber(value);
    if (!isInteger(status) || status < LEAST || status > MOST)
      throw rangeError(`Response: the status must be a whole number from ${LEAST} to ${MOST}, not ${inspect(value)}`);
    return status;
  };

  const reasonOf = (value) => {
    const text = kit.domString(value);
    if (!test(/^[\t\x20-\x7e\x80-\xff]*$/, text)) throw typeError("Response: the statusText contains a character that it may not have");
    return text;
  };

  class Response extends Body {
    #status;
    #statusText;
    #headers;
    #url = "";
    #redirected = false;

    #type = "default";

    constructor(body = null, init = undefined) {
      const { headers, status, statusText } = dictionary("Response", init);
      const code = status === undefined ? 200 : statusOf(status);
      const reason = statusText === undefined ? "" : reasonOf(statusText);
      const fields = new Headers(headers ?? undefined);
      const { content, type } = kit.contentOf("Response", body);
      if (content !== null && isBodiless(code)) throw typeError(`Response: a response of status ${code} has no body`);
      super(content);
      this.#status = code;
      this.#statusText = reason;
      this.#headers = fields;
      if (type !== null && !fields.has("content-type")) fields.set("content-type", type);
    }
    static json(value, init) {
      need("Response.json", arguments.length, 1);
      const text = typeof value === "symbol" ? undefined : stringify(value);
      if (text === undefined) throw typeError(`Response.json: ${kit.describe(value)} has no JSON form`);
      const given = dictionary("Response.json", init),
        headers = new Headers(given.headers ?? undefined);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(text, { status: given.status, statusText: given.statusText, headers });
    }
    static redirect(address, status = 302) {
      need("Response.redirect", arguments.length, 1);
      const location = kit.address("Response.redirect", address);
      if (!isRedirect(toNumber(status)))
        throw rangeError(`Response.redirect: the status must be 301, 302, 303, 307 or 308, not ${inspect(status)}`);
      const response = new Response(null, { status, headers: { location } });
      kit.freezeHeaders(response.#headers);
      return response;
    }
    static error() {
      const response = new Response();
      response.#type = "error";
      response.#status = 0;
      kit.freezeHeaders(response.#headers);
      return response;
    }
    get status() {
      return this.#status;
    }
    get statusText() {
      return this.#statusText;
    }
    get ok() {
      return this.#status >= 200 && this.#status <= 299;
    }
    get headers() {
      return this.#headers;
    }
    get url() {
      return this.#url;
    }
    get redirected() {
      return this.#redirected;
    }
    get type() {
      return this.#type;
    }
    clone() {
      const copy = new Response(null);
      kit.replaceBody(copy, kit.copyBody(this, "Response.clone"));
      copy.#headers = new Headers(this.#headers);
      copy.#status = this.#status;
      copy.#statusText = this.#statusText;
      copy.#type = this.#type;
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      return copy;
    }
    static {
      kit.isResponse = (value) => typeof value === "object" && value !== null && #status in value;
      kit.headersOf = (message) => kit.requestHeaders(message) ?? message.#headers;
      kit.responseParts = (response) => ({ status: response.#status, headers: response.#headers });
      // What `http` was answered.
      kit.receivedResponse = ({ status, url, headers, body, redirected }) => {
        const response = new Response(isBodiless(status) ? null : body, { status });
        response.#headers = kit.receivedHeaders(headers);
        response.#url = url;
        response.#redirected = redirected;
        return response;
      };
    }
  }
  kit.markMembers(Response);
  kit.defineProperty(Response, "length", { value: 0 });
  kit.arity(Response, { json: 1, redirect: 1 });
  for (const name of ["error", "json", "redirect"]) kit.defineProperty(Response, name, { enumerable: true });
  kit.webClass(Response, "Response");

  // An object that has an integer `status` of 200 to 599 and no key but `status`, `headers` and `body`.
  const isEnvelope = (value) => {
    if (value === null || typeof value !== "object" || isArray(value) || kit.kind(value) === "proxy") return false;
    const prototype = getPrototypeOf(value);
    if (prototype !== plain && prototype !== null) return false;
    const names = keys(value);
    for (let i = 0; i < names.length; i++)
      if (names[i] !== "status" && names[i] !== "headers" && names[i] !== "body") return false;
    const { status } = value;
    return isInteger(status) && status >= LEAST && status <= MOST;
  };
  const jsonBody = (value) => {
    const text =
      typeof value === "function" || typeof value === "symbol"
        ? undefined
        : stringify(value === undefined ? null : value);
    if (text === undefined) throw typeError(`the script returned ${kit.describe(value)}, which has no JSON form`);
    return text;
  };
  const fromEnvelope = (envelope) => {
    const { status, body } = envelope;
    const headers = new Headers(envelope.headers);
    const typed = (type) => {
      if (!headers.has("content-type")) headers.set("content-type", type);
    };
    let content = "";
    if (typeof body === "string") {
      content = body;
      typed("text/plain;charset=utf-8");
    } else if (body !== undefined && body !== null) {
      content = bytesOf(body);
      if (content === undefined) {
        content = jsonBody(body);
        typed("application/json");
      } else {
        typed("application/octet-stream");
      }
    }
    return [status, kit.headerList(headers), content];
  };

  // Status, headers and body of whatever an endpoint script returned.
  kit.respond = (value) => {
    if (kit.isResponse(value)) {
      const { status, headers } = kit.responseParts(value);
      if (status < LEAST) throw typeError("Response.error() is no answer: return a Response with a status");
      return [status, kit.headerList(headers), kit.takeBody(value, "the response") ?? ""];
    }
    if (isEnvelope(value)) return fromEnvelope(value);
    return [200, ["content-type", "application/json"], jsonBody(value)];
  };
  // What is left to do before an endpoint script's result can be sent: the reading of a stream, or nothing.
  kit.wholeResponse = (value) => {
    if (!kit.isResponse(value) || !kit.isUsable(value)) return undefined;
    const content = kit.takeBody(value, "the response");
    const keep = (whole) => kit.replaceBody(value, whole);
    if (!kit.isStream(content)) return keep(content);
    return kit.then(kit.collect(content), keep);
  };
});
