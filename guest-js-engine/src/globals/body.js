// What requests and responses have in common: a body that can be read once. It is whole, unless the script gives a
// stream, which is read to its end before it goes anywhere.
(function (native, kit) {
  "use strict";
  const { typeError, parse, bytesOf, encode, copyBytes, reject, resolved, then } = kit;

  // The content of a body (a text, bytes, or a stream of them), and the type that goes with it.
  kit.contentOf = (where, value) => {
    if (value === undefined || value === null) return { content: null, type: null };
    if (typeof value === "string") return { content: value, type: "text/plain;charset=UTF-8" };
    if (kit.isParams(value))
      return { content: kit.toText(value), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    if (kit.isBlob(value)) return { content: kit.blobBytes(value), type: value.type === "" ? null : value.type };
    if (kit.isForm(value)) return kit.encodeForm(value);
    if (kit.isStream(value)) {
      if (kit.isDisturbed(value) || kit.isLocked(value))
        throw typeError(`${where}: the stream of the body is locked, or was read from already`);
      return { content: value, type: null };
    }
    const bytes = bytesOf(value);
    if (bytes !== undefined) return { content: copyBytes(bytes), type: null };
    if (kit.isSecret(value)) throw typeError(`${where}: a secret can be one field of a body, not the whole of it`);
    if (typeof value === "object" || typeof value === "symbol") {
      throw typeError(
        `${where}: the body must be a string, bytes, Blob, FormData, URLSearchParams or ReadableStream, not ${kit.describe(value)}; JSON.stringify objects`,
      );
    }
    return { content: kit.usvString(value), type: "text/plain;charset=UTF-8" };
  };
  const bytesOfContent = (content) =>
    content === null ? new kit.Bytes(0) : typeof content === "string" ? encode(content) : content;
  const textOfContent = (content) => {
    if (content === null) return "";
    if (typeof content !== "string") return kit.decodeBody(content);
    const text = kit.toWellFormed(content);
    return text[0] === "\ufeff" ? kit.slice(text, 1) : text;
  };

  // The content of a body that is a stream.
  const STREAM = { __proto__: null };

  class Body {
    // `null`, a text, bytes, or `STREAM`.
    #content;
    // Whether it was read without a stream.
    #used = false;
    #stream;

    constructor(content) {
      if (kit.isStream(content)) {
        this.#content = STREAM;
        this.#stream = content;
      } else {
        this.#content = content;
      }
    }
    static {
      kit.hasBody = (body) => body.#content !== null;
      kit.isUsable = (body) => body.#isUsable();
      // The content for a copy of the body.
      kit.copyBody = (body, where) => {
        if (!body.#isUsable()) throw typeError(`${where}: the body was read already`);
        if (body.#stream === undefined) return body.#content;
        const branches = kit.teeStream(body.#stream, true);
        body.#stream = branches[0];
        return branches[1];
      };
      // The content for who takes the body over: a text, bytes or a stream. The body is used from then on.
      kit.takeBody = (body, where) => {
        if (!body.#isUsable()) throw typeError(`${where}: the body was read already`);
        if (body.#content === STREAM) return kit.passOn(body.#stream);
        body.#used = body.#content !== null;
        if (body.#stream !== undefined) kit.spend(body.#stream);
        return body.#content;
      };
      // Put in another content, as if nobody had read any.
      kit.replaceBody = (body, content) => {
        body.#used = false;
        body.#stream = undefined;
        body.#content = content;
        if (!kit.isStream(content)) return;
        body.#content = STREAM;
        body.#stream = content;
      };
    }
    #isUsable() {
      return !this.#used && (this.#stream === undefined || !(kit.isDisturbed(this.#stream) || kit.isLocked(this.#stream)));
    }
    get body() {
      if (this.#content === null) return null;
      this.#stream ??= this.#used ? kit.spentStream() : kit.streamOf(copyBytes(bytesOfContent(this.#content)));
      return this.#stream;
    }
    get bodyUsed() {
      return this.#used || (this.#stream !== undefined && kit.isDisturbed(this.#stream));
    }
    // Read the body, once, and answer what `read` makes of it.
    #once(read) {
      try {
        if (!this.#isUsable()) throw typeError("the body was read already, or is locked to a reader");
        if (this.#stream !== undefined) return then(kit.collect(this.#stream), read);
        this.#used = this.#content !== null;
        return resolved(read(this.#content));
      } catch (error) {
        return reject(error);
      }
    }
    text() {
      return guard(() => this.#once(textOfContent));
    }
    json() {
      return guard(() => this.#once((content) => parse(textOfContent(content))));
    }
    bytes() {
      return guard(() => this.#once((content) => copyBytes(bytesOfContent(content))));
    }
    arrayBuffer() {
      return guard(() => this.#once((content) => copyBytes(bytesOfContent(content)).buffer));
    }
    blob() {
      return guard(() =>
        this.#once((content) => kit.newBlob(copyBytes(bytesOfContent(content)), kit.lower(typeOf(this) ?? ""))),
      );
    }
    formData() {
      return guard(() => this.#once((content) => kit.decodeForm(bytesOfContent(content), typeOf(this))));
    }
  }
  // A promise in any case: the brand of `this` is looked at inside.
  const guard = (read) => {
    try {
      return read();
    } catch (error) {
      return reject(error);
    }
  };
  const typeOf = (message) => kit.headersOf(message).get("content-type");

  kit.Body = Body;
  kit.markMembers = (constructor) => {
    for (const key of ["body", "bodyUsed", "text", "json", "bytes", "arrayBuffer", "blob", "formData"]) {
      kit.defineProperty(constructor.prototype, key, {
        ...kit.getOwnPropertyDescriptor(Body.prototype, key),
        enumerable: true,
      });
    }
  };
});
