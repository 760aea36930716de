// `TextEncoder` and `TextDecoder`, after the encoding standard.
(function (native, kit) {
  "use strict";
  const { typeError, rangeError, describe, usvString, dictionary, bytesOf, defineProperty } = kit;

  class TextEncoder {
    get encoding() {
      this.#brand;
      return "utf-8";
    }
    #brand = true;
    encode(input = "") {
      this.#brand;
      return kit.encode(usvString(input));
    }
    encodeInto(source, destination) {
      this.#brand;
      kit.need("TextEncoder.encodeInto", arguments.length, 2);
      const text = usvString(source);
      if (!kit.isByteArray(destination))
        throw typeError(`TextEncoder.encodeInto: the destination must be a Uint8Array, not ${describe(destination)}`);
      // A unit takes at least a byte; a pair that is cut in two would not have fitted.
      const room = kit.byteLength(destination);
      const done = native.encodeInto(kit.slice(text, 0, room), room),
        bytes = done[1];
      kit.putBytes(destination, bytes);
      return { read: done[0], written: bytes.length };
    }
  }
  kit.arity(TextEncoder.prototype, { encode: 0 });
  kit.webClass(TextEncoder, "TextEncoder");

  const NEW = -1;
  const FATAL = 1,
    IGNORE_BOM = 2,
    MORE = 4;

  class TextDecoder {
    #name;
    #fatal;
    #ignoreBOM;
    // The number of the decoder that waits for the rest of a stream.
    #decoder = NEW;

    constructor(label = "utf-8", options) {
      const text = kit.domString(label);
      const { fatal, ignoreBOM } = dictionary("TextDecoder", options);
      const name = kit.isWellFormed(text) ? native.nameOf(text) : undefined;
      if (name === undefined || name === null)
        throw rangeError(`TextDecoder: there is no encoding ${kit.inspect(kit.slice(text, 0, 100))}`);
      this.#name = name;
      this.#fatal = !!fatal;
      this.#ignoreBOM = !!ignoreBOM;
    }
    get encoding() {
      return this.#name;
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(input, options) {
      const bytes = input === undefined ? new kit.Bytes(0) : bytesOf(input);
      if (bytes === undefined) throw typeError(`TextDecoder.decode: the input must be bytes, not ${describe(input)}`);
      const more = !!dictionary("TextDecoder.decode", options).stream;
      const waiting = this.#decoder;
      this.#decoder = NEW;
      const flags = (this.#fatal ? FATAL : 0) + (this.#ignoreBOM ? IGNORE_BOM : 0) + (more ? MORE : 0);
      const made = native.decode(this.#name, flags, waiting, bytes);
      if (made === undefined || made === null) throw typeError(`TextDecoder.decode: the bytes are not ${this.#name}`);
      this.#decoder = made[1];
      return made[0];
    }
  }
  kit.arity(TextDecoder.prototype, { decode: 0 });
  defineProperty(TextDecoder, "length", { value: 0 });
  kit.webClass(TextDecoder, "TextDecoder");
});
