// `Blob` and `File`, after the File API. There are no files below: a `File` is bytes with a name.
(function (native, kit) {
  "use strict";
  const { need, usvString, domString, dictionary, oneOf, clamped, sequence, test, lower, bytesOf } = kit;
  const { uncurry, resolved, reject, defineProperty } = kit;
  const replace = uncurry(String.prototype.replace);
  const now = Date.now;
  const MOST = Number.MAX_SAFE_INTEGER;

  // What a part of a blob is: bytes, of another blob, or text.
  const partOf = (part) => {
    if (kit.isBlob(part)) return kit.blobBytes(part);
    const bytes = bytesOf(part);
    return bytes === undefined ? usvString(part) : kit.copyBytes(bytes);
  };
  const typeOf = (value) => {
    const type = domString(value);
    return test(/^[\x20-\x7e]*$/, type) ? lower(type) : "";
  };

  class Blob {
    // Never handed out, and so never changed: slices share it.
    #bytes;
    #type;

    constructor(parts, options) {
      const list = parts === undefined ? [] : sequence("Blob", "the parts", parts, partOf);
      const given = dictionary("Blob", options);
      const endings = given.endings === undefined ? "transparent" : oneOf("Blob", "endings", given.endings, ["transparent", "native"]);
      this.#type = given.type === undefined ? "" : typeOf(given.type);
      for (let i = 0; i < list.length; i++) {
        if (typeof list[i] !== "string") continue;
        list[i] = kit.encode(endings === "native" ? replace(list[i], /\r\n?/g, "\n") : list[i]);
      }
      this.#bytes = kit.concat(list);
    }
    static {
      kit.isBlob = (value) => typeof value === "object" && value !== null && #bytes in value;
      kit.blobBytes = (blob) => blob.#bytes;
      kit.newBlob = (bytes, type) => {
        const blob = new Blob();
        blob.#bytes = bytes;
        blob.#type = type;
        return blob;
      };
      kit.setBlob = (blob, bytes, type) => {
        blob.#bytes = bytes;
        blob.#type = type;
      };
    }
    get size() {
      return this.#bytes.length;
    }
    get type() {
      return this.#type;
    }
    slice(start, end, type) {
      const { length } = this.#bytes;
      // A [Clamp] long long, counted from the end where it is negative.
      const place = (value, otherwise) => {
        if (value === undefined) return otherwise;
        const at = clamped(value, -MOST, MOST);
        return at < 0 ? (length + at > 0 ? length + at : 0) : at < length ? at : length;
      };
      const from = place(start, 0),
        to = place(end, length);
      return kit.newBlob(kit.partOf(this.#bytes, from, to > from ? to : from), type === undefined ? "" : typeOf(type));
    }
    stream() {
      return kit.streamOf(kit.copyBytes(this.#bytes));
    }
    text() {
      return promised(() => kit.decodeBody(this.#bytes));
    }
    arrayBuffer() {
      return promised(() => kit.copyBytes(this.#bytes).buffer);
    }
    bytes() {
      return promised(() => kit.copyBytes(this.#bytes));
    }
  }
  const promised = (read) => {
    try {
      return resolved(read());
    } catch (error) {
      return reject(error);
    }
  };
  kit.arity(Blob.prototype, { slice: 0 });
  defineProperty(Blob, "length", { value: 0 });
  kit.webClass(Blob, "Blob");

  class File extends Blob {
    #name;
    #lastModified;

    constructor(parts, name, options) {
      need("File", arguments.length, 2);
      // In the order of the arguments: each may run the script's code.
      const list = sequence("File", "the parts", parts, partOf);
      const text = usvString(name);
      super(list, options);
      this.#name = text;
      const { lastModified } = dictionary("File", options);
      this.#lastModified = lastModified === undefined ? now() : kit.longLong(lastModified);
    }
    static {
      kit.isFile = (value) => typeof value === "object" && value !== null && #name in value;
      kit.fileName = (file) => file.#name;
      kit.newFile = (bytes, name, type, lastModified) => {
        const file = new File([], name, { lastModified: lastModified ?? now() });
        kit.setBlob(file, bytes, type);
        return file;
      };
      kit.fileTime = (file) => file.#lastModified;
    }
    get name() {
      return this.#name;
    }
    get lastModified() {
      return this.#lastModified;
    }
    get webkitRelativePath() {
      return "";
    }
  }
  defineProperty(File, "length", { value: 2 });
  kit.webClass(File, "File");
});
