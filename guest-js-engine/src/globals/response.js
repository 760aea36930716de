// `Response`, after the fetch standard, and what an endpoint script's result becomes.
(function (native, kit) {
  "use strict";
  const {
    typeError,
    rangeError,
    Headers,
    Body,
    options,
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

  class Response extends Body {
    #status;
    #statusText;
    #headers;
    #url = "";
    #redirected = false;

    constructor(body, init) {
      init = options("Response", init);
      const status = init.status === undefined ? 200 : statusOf(init.status);
      const { content, type } = kit.contentOf("Response", body);
      if (content !== null && isBodiless(status))
        throw typeError(`Response: a response of status ${status} has no body`);
      super(content);
      this.#status = status;
      this.#statusText = init.statusText === undefined ? "" : kit.toText(init.statusText);
      this.#headers = new Headers(init.headers);
      if (type !== null && !this.#headers.has("content-type")) this.#headers.set("content-type", type);
    }
    static json(value, init) {
      const text = stringify(value);
      if (text === undefined) throw typeError(`Response.json: ${kit.describe(value)} has no JSON form`);
      const response = new Response(text, init);
      if (!new Headers(init?.headers).has("content-type")) response.#headers.set("content-type", "application/json");
      return response;
    }
    static redirect(address, status = 302) {
      if (!isRedirect(status))
        throw rangeError(`Response.redirect: the status must be 301, 302, 303, 307 or 308, not ${inspect(status)}`);
      return new Response(null, { status, headers: { location: kit.address("Response.redirect", address) } });
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
      return "default";
    }
    clone() {
      const copy = new Response(kit.unusedBody(this, "Response.clone"), {
        status: this.#status,
        statusText: this.#statusText,
        headers: this.#headers,
      });
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      return copy;
    }
    static {
      kit.isResponse = (value) => typeof value === "object" && value !== null && #status in value;
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
  kit.webClass(Response, "Response");

  // An object that has an integer `status` and no key but `status`, `headers` and `body`.
  const isEnvelope = (value) => {
    if (value === null || typeof value !== "object" || isArray(value) || kit.kind(value) === "proxy") return false;
    const prototype = getPrototypeOf(value);
    if (prototype !== plain && prototype !== null) return false;
    const names = keys(value);
    for (let i = 0; i < names.length; i++)
      if (names[i] !== "status" && names[i] !== "headers" && names[i] !== "body") return false;
    return isInteger(value.status);
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
    if (status < LEAST || status > MOST)
      throw typeError(`the status of the response must be from ${LEAST} to ${MOST}, not ${status}`);
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
    if (kit.isResponse(value))
      return [value.status, kit.headerList(value.headers), kit.unusedBody(value, "the response") ?? ""];
    if (isEnvelope(value)) return fromEnvelope(value);
    return [200, ["content-type", "application/json"], jsonBody(value)];
  };
});
