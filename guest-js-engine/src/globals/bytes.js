// Bytes: what counts as some, and their encodings as text.
(function (native, kit) {
  "use strict";
  const { Bytes, uncurry, getOwnPropertyDescriptor, getPrototypeOf, typeError, rangeError, describe, kind } = kit;
  const typedArray = getPrototypeOf(Uint8Array.prototype);
  const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
  const array = {
    buffer: getter(typedArray, "buffer"),
    offset: getter(typedArray, "byteOffset"),
    length: getter(typedArray, "byteLength"),
  };
  const view = {
    buffer: getter(DataView.prototype, "buffer"),
    offset: getter(DataView.prototype, "byteOffset"),
    length: getter(DataView.prototype, "byteLength"),
  };
  const { isView } = ArrayBuffer;
  const PlainDomException = DOMException;

  // The bytes behind a buffer or a view, or `undefined` for anything else.
  kit.bytesOf = (value) => {
    if (value === null || typeof value !== "object") return undefined;
    const what = kind(value);
    if (what === "buffer") return new Bytes(value);
    if (what === "bytes") return new Bytes(array.buffer(value), array.offset(value), array.length(value));
    if (isView(value)) return new Bytes(view.buffer(value), view.offset(value), view.length(value));
    return undefined;
  };
  // Text counts as its UTF-8.
  kit.toBytes = (where, name, value) => {
    const bytes = typeof value === "string" ? native.encode(value) : kit.bytesOf(value);
    if (bytes === undefined) throw typeError(`${where}: the ${name} must be a string or bytes, not ${describe(value)}`);
    return bytes;
  };
  kit.copyBytes = (bytes) => new Bytes(bytes);
  kit.byteLength = array.length;
  const tagOf = getter(typedArray, Symbol.toStringTag);
  kit.arrayTag = (value) => (value !== null && typeof value === "object" ? tagOf(value) : undefined);
  kit.isByteArray = (value) => kit.arrayTag(value) === "Uint8Array";
  const put = uncurry(Uint8Array.prototype.set);
  kit.putBytes = put;
  // Some of the bytes, and the same memory: `subarray` would ask the script which class to make.
  kit.partOf = (bytes, from, to) => new Bytes(array.buffer(bytes), array.offset(bytes) + from, to - from);
  // One after the other, in bytes of their own.
  kit.concat = (chunks) => {
    let length = 0;
    for (let i = 0; i < chunks.length; i++) length += chunks[i].length;
    const whole = new Bytes(length);
    for (let i = 0, at = 0; i < chunks.length; at += chunks[i++].length) put(whole, chunks[i], at);
    return whole;
  };
  kit.encodeBytes = (where, bytes, encoding) => {
    switch (encoding) {
      case "hex":
        return native.toHex(bytes);
      case "base64":
        return native.toBase64(bytes, false);
      case "base64url":
        return native.toBase64(bytes, true);
      case "bytes":
        return bytes;
    }
    throw rangeError(
      `${where}: the encoding must be "hex", "base64", "base64url" or "bytes", not ${kit.inspect(encoding)}`,
    );
  };
  kit.encode = native.encode;
  kit.decode = native.decode;
  // As a body is decoded: without its byte order mark.
  kit.decodeBody = (bytes) => {
    const text = native.decode(bytes);
    return text[0] === "\ufeff" ? kit.slice(text, 1) : text;
  };
  kit.toBase64 = native.toBase64;
  kit.fromBase64 = native.fromBase64;
  kit.domException = (message, name) => new PlainDomException(message, name);
  kit.isDomException = (value) => {
    try {
      return value instanceof PlainDomException;
    } catch {
      return false;
    }
  };
});
