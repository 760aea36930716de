// `FormData`, after the XHR standard, and its two encodings.
(function (native, kit) {
  "use strict";
  const { typeError, need, usvString, pairIterable, push, uncurry, isBlob, isFile, blobBytes, lower, slice } = kit;
  const replace = uncurry(String.prototype.replace),
    execute = uncurry(RegExp.prototype.exec);

  const entryValue = (where, value, fileName, given) => {
    if (!isBlob(value)) {
      if (given) throw typeError(`${where}: only a Blob has a file name, and ${kit.describe(value)} is none`);
      return usvString(value);
    }
    if (isFile(value) && !given) return value;
    const name = given ? usvString(fileName) : "blob";
    return kit.newFile(blobBytes(value), name, value.type, isFile(value) ? kit.fileTime(value) : undefined);
  };

  class FormData {
    // Pairs of a name and a text or a `File`.
    #entries = [];

    constructor(form) {
      if (form !== undefined) throw typeError("FormData: there are no forms here: call it without an argument, and append");
    }
    static {
      kit.isForm = (value) => typeof value === "object" && value !== null && #entries in value;
      kit.formEntries = (form) => form.#entries;
      pairIterable(FormData, "FormData", (form, index) => {
        const entry = form.#entries[index];
        return entry === undefined ? undefined : [entry[0], entry[1]];
      });
    }
    append(name, value, fileName) {
      need("FormData.append", arguments.length, 2);
      const field = usvString(name);
      push(this.#entries, [field, entryValue("FormData.append", value, fileName, arguments.length > 2 && fileName !== undefined)]);
    }
    delete(name) {
      need("FormData.delete", arguments.length, 1);
      const field = usvString(name),
        kept = [];
      for (let i = 0; i < this.#entries.length; i++) if (this.#entries[i][0] !== field) push(kept, this.#entries[i]);
      this.#entries = kept;
    }
    get(name) {
      need("FormData.get", arguments.length, 1);
      const field = usvString(name);
      for (let i = 0; i < this.#entries.length; i++) if (this.#entries[i][0] === field) return this.#entries[i][1];
      return null;
    }
    getAll(name) {
      need("FormData.getAll", arguments.length, 1);
      const field = usvString(name),
        found = [];
      for (let i = 0; i < this.#entries.length; i++) if (this.#entries[i][0] === field) push(found, this.#entries[i][1]);
      return found;
    }
    has(name) {
      need("FormData.has", arguments.length, 1);
      const field = usvString(name);
      for (let i = 0; i < this.#entries.length; i++) if (this.#entries[i][0] === field) return true;
      return false;
    }
    set(name, value, fileName) {
      need("FormData.set", arguments.length, 2);
      const field = usvString(name),
        entry = [field, entryValue("FormData.set", value, fileName, arguments.length > 2 && fileName !== undefined)],
        kept = [];
      let isPlaced = false;
      for (let i = 0; i < this.#entries.length; i++) {
        if (this.#entries[i][0] !== field) push(kept, this.#entries[i]);
        else if (!isPlaced) {
          isPlaced = true;
          push(kept, entry);
        }
      }
      if (!isPlaced) push(kept, entry);
      this.#entries = kept;
    }
  }
  kit.arity(FormData.prototype, { append: 2, set: 2 });
  kit.defineProperty(FormData, "length", { value: 0 });
  kit.webClass(FormData, "FormData");

  const newlines = (text) => replace(text, /\r\n?|\n/g, "\r\n");
  const ESCAPES = { "\n": "%0A", "\r": "%0D", '"': "%22" };
  const quoted = (text) => `"${replace(text, /[\n\r"]/g, (c) => ESCAPES[c])}"`;

  // `multipart/form-data`, between boundaries that the execution draws.
  kit.encodeForm = (form) => {
    const boundary = `----skerry-${native.boundary()}`,
      entries = kit.formEntries(form),
      chunks = [];
    for (let i = 0; i < entries.length; i++) {
      const name = entries[i][0],
        value = entries[i][1];
      const head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(newlines(name))}`;
      if (typeof value === "string") {
        push(chunks, kit.encode(`${head}\r\n\r\n${newlines(value)}\r\n`));
        continue;
      }
      const type = value.type === "" ? "application/octet-stream" : value.type;
      push(chunks, kit.encode(`${head}; filename=${quoted(kit.fileName(value))}\r\nContent-Type: ${type}\r\n\r\n`));
      push(chunks, blobBytes(value), kit.encode("\r\n"));
    }
    push(chunks, kit.encode(`--${boundary}--\r\n`));
    return { content: kit.concat(chunks), type: `multipart/form-data; boundary=${boundary}` };
  };

  const BOUNDARY = /;[\t ]*boundary=(?:"((?:[^"\\]|\\.)*)"|([^;\t ]+))/i;
  // The form that a body of that type holds.
  kit.decodeForm = (bytes, type) => {
    const essence = lower(execute(/^[^;\t ]*/, type ?? "")[0]);
    const form = new FormData();
    if (essence === "application/x-www-form-urlencoded") {
      const pairs = kit.parseQuery(kit.decode(bytes));
      for (let i = 0; i < pairs.length; i += 2) form.append(pairs[i], pairs[i + 1]);
      return form;
    }
    if (essence !== "multipart/form-data")
      throw typeError(
        `formData: the content type must be multipart/form-data or application/x-www-form-urlencoded, not ${kit.inspect(slice(type ?? "", 0, 200))}`,
      );
    const boundary = execute(BOUNDARY, type);
    if (boundary === null) throw typeError("formData: the content type names no boundary");
    const parts = native.parse(bytes, boundary[1] === undefined ? boundary[2] : replace(boundary[1], /\\(.)/g, "$1"));
    if (parts === undefined || parts === null) throw typeError("formData: the body is no multipart/form-data between its boundaries");
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i],
        name = part[0],
        fileName = part[1],
        content = part[3];
      if (fileName === undefined || fileName === null) form.append(name, kit.decodeBody(content));
      else form.append(name, kit.newFile(content, fileName, part[2]));
    }
    return form;
  };
});
