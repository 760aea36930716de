// What requests and responses have in common: a body, whole, that can be read once.
(function (native, kit) {
  "use strict";
  const { typeError, parse, bytesOf, encode, decode, copyBytes, reject, resolved } = kit;

  // A stream of one chunk, as far as scripts need one.
  class OneChunkStream {
    #chunk;
    #take;
    #locked = false;
    constructor(chunk, take) {
      this.#chunk = chunk;
      this.#take = take;
    }
    get locked() {
      return this.#locked;
    }
    #read() {
      const value = this.#chunk;
      this.#chunk = undefined;
      this.#take();
      return value === undefined || value.length === 0 ? { value: undefined, done: true } : { value, done: false };
    }
    getReader() {
      if (this.#locked) throw typeError("the stream is locked to a reader");
      this.#locked = true;
      return {
        read: () => resolved(this.#read()),
        cancel: () => resolved((this.#chunk = undefined)),
        releaseLock: () => void (this.#locked = false),
      };
    }
    cancel() {
      this.#chunk = undefined;
      return resolved();
    }
    async *[Symbol.asyncIterator]() {
      const { value } = this.#read();
      if (value !== undefined) yield value;
    }
  }
  kit.defineProperty(OneChunkStream.prototype, Symbol.toStringTag, { value: "ReadableStream", configurable: true });

  // The content of a body, a text or bytes, and the type that goes with it.
  kit.contentOf = (where, value) => {
    if (value === undefined || value === null) return { content: null, type: null };
    if (typeof value === "string") return { content: value, type: "text/plain;charset=UTF-8" };
    if (kit.isParams(value))
      return { content: kit.toText(value), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    const bytes = bytesOf(value);
    if (bytes !== undefined) return { content: copyBytes(bytes), type: null };
    if (value instanceof OneChunkStream) throw typeError(`${where}: a stream is no body; pass its bytes`);
    if (typeof value === "object" || typeof value === "symbol") {
      throw typeError(
        `${where}: the body must be a string, bytes or URLSearchParams, not ${kit.describe(value)}; JSON.stringify objects`,
      );
    }
    return { content: kit.toText(value), type: "text/plain;charset=UTF-8" };
  };

  class Body {
    #content;
    #used = false;
    #stream;

    constructor(content) {
      this.#content = content;
    }
    static {
      kit.bodyOf = (body) => body.#content;
      // For `clone`, and for handing a body on.
      kit.unusedBody = (body, where) => {
        if (body.#used) throw typeError(`${where}: the body was read already`);
        return body.#content;
      };
      kit.useBody = (body) => {
        body.#used = body.#content !== null;
      };
    }
    get body() {
      if (this.#content === null) return null;
      this.#stream ??= new OneChunkStream(copyBytes(this.#bytes()), () => (this.#used = true));
      return this.#stream;
    }
    get bodyUsed() {
      return this.#used;
    }
    #bytes() {
      if (this.#content === null) return new kit.Bytes(0);
      return typeof this.#content === "string" ? encode(this.#content) : this.#content;
    }
    // Read the body with `read`, once.
    #once(read) {
      try {
        if (this.#used) throw typeError("the body was read already");
        this.#used = this.#content !== null;
        return resolved(read());
      } catch (error) {
        return reject(error);
      }
    }
    #text() {
      if (this.#content === null) return "";
      const text = typeof this.#content === "string" ? kit.toWellFormed(this.#content) : decode(this.#content);
      return text[0] === "\ufeff" ? kit.slice(text, 1) : text;
    }
    text() {
      return this.#once(() => this.#text());
    }
    json() {
      return this.#once(() => parse(this.#text()));
    }
    bytes() {
      return this.#once(() => copyBytes(this.#bytes()));
    }
    arrayBuffer() {
      return this.#once(() => copyBytes(this.#bytes()).buffer);
    }
  }
  kit.Body = Body;
  kit.markMembers = (constructor) => {
    for (const key of ["body", "bodyUsed", "text", "json", "bytes", "arrayBuffer"]) {
      kit.defineProperty(constructor.prototype, key, {
        ...kit.getOwnPropertyDescriptor(Body.prototype, key),
        enumerable: true,
      });
    }
  };
});
