// `crypto.subtle`, after the Web Cryptography API: digests and HMAC.
(function (native, kit) {
  "use strict";
  const { typeError, describe, need, domString, domException, isObject, bytesOf, copyBytes, push, upper } = kit;
  const { resolved, reject } = kit;
  const toNumber = Number,
    truncate = Math.trunc,
    ceil = Math.ceil;

  // How the natives call a hash, its size as an HMAC's default key (in bits), and its name in a JSON Web Key.
  const HASHES = {
    __proto__: null,
    "SHA-1": { native: "sha1", block: 512, jwk: "HS1" },
    "SHA-256": { native: "sha256", block: 512, jwk: "HS256" },
    "SHA-384": { native: "sha384", block: 1024, jwk: "HS384" },
    "SHA-512": { native: "sha512", block: 1024, jwk: "HS512" },
  };
  const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
  const FORMATS = ["raw", "spki", "pkcs8", "jwk"];
  const has = (list, value) => {
    for (let i = 0; i < list.length; i++) if (list[i] === value) return true;
    return false;
  };

  const refuse = (message, name) => {
    throw domException(`crypto.subtle: ${message}`, name);
  };
  const nameOf = (where, algorithm) => {
    if (!isObject(algorithm)) return domString(algorithm);
    const { name } = algorithm;
    if (name === undefined) throw typeError(`${where}: the algorithm has no name`);
    return domString(name);
  };
  const hashOf = (where, algorithm) => {
    const name = upper(nameOf(where, algorithm));
    if (HASHES[name] === undefined)
      refuse(`there is no hash ${kit.inspect(kit.slice(name, 0, 100))}; there are SHA-1, SHA-256, SHA-384 and SHA-512`, "NotSupportedError");
    return name;
  };
  const requireHmac = (where, algorithm) => {
    const name = nameOf(where, algorithm);
    if (upper(name) !== "HMAC") refuse(`there is no algorithm ${kit.inspect(kit.slice(name, 0, 100))} for ${where}; there is HMAC`, "NotSupportedError");
  };
  const dataOf = (where, data) => {
    const bytes = bytesOf(data);
    if (bytes === undefined) throw typeError(`${where}: the data must be bytes, not ${describe(data)}`);
    return copyBytes(bytes);
  };
  // The length of a key in bits, where the algorithm names one.
  const lengthOf = (where, length) => {
    if (length === undefined) return undefined;
    const bits = truncate(toNumber(length));
    if (!(bits >= 0 && bits <= 0xffffffff)) throw typeError(`${where}: the length must be a whole number of bits, not ${kit.inspect(length)}`);
    return bits;
  };
  const hmacParameters = (where, algorithm) => {
    const { hash, length } = algorithm;
    if (hash === undefined) throw typeError(`${where}: the algorithm HMAC needs a hash`);
    return { hash: hashOf(where, hash), length: lengthOf(where, length) };
  };
  const usagesOf = (where, usages) => {
    const given = kit.sequence(where, "the usages", usages),
      kept = [];
    for (let i = 0; i < given.length; i++) {
      const usage = domString(given[i]);
      if (!has(USAGES, usage)) throw typeError(`${where}: there is no usage ${kit.inspect(usage)}`);
      if (!has(kept, usage)) push(kept, usage);
    }
    return kept;
  };
  const requireHmacUsages = (usages) => {
    for (let i = 0; i < usages.length; i++)
      if (usages[i] !== "sign" && usages[i] !== "verify") refuse(`an HMAC key has no usage "${usages[i]}"`, "SyntaxError");
  };

  let make = false;
  class CryptoKey {
    #bytes;
    #extractable;
    #algorithm;
    #usages;

    constructor() {
      if (!make) throw typeError("CryptoKey cannot be constructed; use crypto.subtle");
    }
    static #new(bytes, hash, length, extractable, usages) {
      make = true;
      try {
        const key = new CryptoKey();
        key.#bytes = bytes;
        key.#extractable = extractable;
        key.#algorithm = { name: "HMAC", length, hash: { name: hash } };
        key.#usages = usages;
        return key;
      } finally {
        make = false;
      }
    }
    static {
      kit.isKey = (value) => isObject(value) && #bytes in value;
      kit.newKey = (bytes, hash, length, extractable, usages) => CryptoKey.#new(bytes, hash, length, extractable, usages);
      kit.keyParts = (key) => ({
        bytes: key.#bytes,
        hash: key.#algorithm.hash.name,
        length: key.#algorithm.length,
        extractable: key.#extractable,
        usages: key.#usages,
      });
    }
    get type() {
      this.#bytes;
      return "secret";
    }
    get extractable() {
      return this.#extractable;
    }
    get algorithm() {
      return this.#algorithm;
    }
    get usages() {
      return this.#usages;
    }
  }
  kit.webClass(CryptoKey, "CryptoKey");

  const keyFor = (where, algorithm, key, usage) => {
    requireHmac(where, algorithm);
    if (!kit.isKey(key)) throw typeError(`${where}: the key must be a CryptoKey, not ${describe(key)}`);
    const parts = kit.keyParts(key);
    return {
      ...parts,
      check: () => {
        if (!has(parts.usages, usage)) refuse(`the key was not made to ${usage}`, "InvalidAccessError");
      },
    };
  };
  const sameBytes = (a, b) => {
    if (a.length !== b.length) return false;
    let difference = 0;
    for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
    return difference === 0;
  };
  const tagOf = ({ hash, bytes }, data) => native.hmac(HASHES[hash].native, bytes, data);

  // The bytes of a JSON Web Key, after its fields agree with what is asked for.
  const fromJwk = (jwk, hash, extractable, usages) => {
    const { kty, k, alg, use, key_ops, ext } = jwk;
    if (kty !== "oct") refuse('the JSON Web Key must have the kty "oct"', "DataError");
    if (typeof k !== "string" || !kit.test(/^[A-Za-z0-9_-]*$/, k)) refuse("the JSON Web Key has no key in base64url", "DataError");
    if (alg !== undefined && alg !== HASHES[hash].jwk) refuse(`the JSON Web Key must have the alg "${HASHES[hash].jwk}"`, "DataError");
    if (usages.length > 0 && use !== undefined && use !== "sig") refuse('the JSON Web Key must have the use "sig"', "DataError");
    if (key_ops !== undefined) {
      const operations = kit.sequence("crypto.subtle.importKey", "key_ops", key_ops);
      for (let i = 0; i < usages.length; i++) if (!has(operations, usages[i])) refuse(`the JSON Web Key does not allow "${usages[i]}"`, "DataError");
    }
    if (ext === false && extractable) refuse("the JSON Web Key is not extractable", "DataError");
    try {
      return kit.fromBase64(k);
    } catch {
      return refuse("the JSON Web Key has no key in base64url", "DataError");
    }
  };
  const importHmac = (where, format, data, algorithm, extractable, usages) => {
    const { hash, length } = hmacParameters(where, algorithm);
    requireHmacUsages(usages);
    if (format !== "raw" && format !== "jwk") refuse(`an HMAC key has no format "${format}"`, "NotSupportedError");
    const bytes = format === "raw" ? data : fromJwk(data, hash, extractable, usages);
    const bits = 8 * bytes.length;
    if (bits === 0) refuse("an HMAC key cannot be empty", "DataError");
    if (length !== undefined && (length > bits || length <= bits - 8)) refuse(`the length ${length} is not that of the key, which has ${bits} bits`, "DataError");
    if (usages.length === 0) refuse("the key needs a usage", "SyntaxError");
    return kit.newKey(bytes, hash, length ?? bits, extractable, usages);
  };

  class SubtleCrypto {
    #brand = true;
    constructor() {
      if (!make) throw typeError("SubtleCrypto cannot be constructed; use crypto.subtle");
    }
    static {
      kit.isSubtle = (value) => isObject(value) && #brand in value;
      kit.newSubtle = () => {
        make = true;
        try {
          return new SubtleCrypto();
        } finally {
          make = false;
        }
      };
    }
  }
  // Each answers a promise, and rejects it with whatever is wrong.
  const operations = {
    digest(where, algorithm, data) {
      const hash = hashOf(where, algorithm);
      return native.hash(HASHES[hash].native, dataOf(where, data)).buffer;
    },
    sign(where, algorithm, key, data) {
      const bytes = dataOf(where, data),
        found = keyFor(where, algorithm, key, "sign");
      found.check();
      return tagOf(found, bytes).buffer;
    },
    verify(where, algorithm, key, signature, data) {
      const given = dataOf(where, signature),
        bytes = dataOf(where, data),
        found = keyFor(where, algorithm, key, "verify");
      found.check();
      return sameBytes(given, tagOf(found, bytes));
    },
    generateKey(where, algorithm, extractable, usages) {
      const asked = usagesOf(where, usages);
      requireHmac(where, algorithm);
      const { hash, length } = hmacParameters(where, algorithm);
      requireHmacUsages(asked);
      const bits = length ?? HASHES[hash].block;
      if (bits === 0) refuse("an HMAC key cannot be empty", "OperationError");
      if (bits > 8 * 65536) refuse("an HMAC key has at most 65536 bytes", "OperationError");
      if (asked.length === 0) refuse("the key needs a usage", "SyntaxError");
      return kit.newKey(native.random(ceil(bits / 8)), hash, bits, !!extractable, asked);
    },
    importKey(where, format, keyData, algorithm, extractable, usages) {
      const kind = domString(format);
      if (!has(FORMATS, kind)) throw typeError(`${where}: there is no format ${kit.inspect(kind)}`);
      const asked = usagesOf(where, usages);
      requireHmac(where, algorithm);
      if (kind === "jwk") {
        if (!isObject(keyData) || bytesOf(keyData) !== undefined)
          throw typeError(`${where}: a key in the format "jwk" must be an object, not ${describe(keyData)}`);
        return importHmac(where, kind, keyData, algorithm, !!extractable, asked);
      }
      return importHmac(where, kind, dataOf(where, keyData), algorithm, !!extractable, asked);
    },
    exportKey(where, format, key) {
      const kind = domString(format);
      if (!has(FORMATS, kind)) throw typeError(`${where}: there is no format ${kit.inspect(kind)}`);
      if (!kit.isKey(key)) throw typeError(`${where}: the key must be a CryptoKey, not ${describe(key)}`);
      const { bytes, hash, extractable, usages } = kit.keyParts(key);
      if (kind !== "raw" && kind !== "jwk") refuse(`an HMAC key has no format "${kind}"`, "NotSupportedError");
      if (!extractable) refuse("the key is not extractable", "InvalidAccessError");
      if (kind === "raw") return copyBytes(bytes).buffer;
      const operations = [];
      for (let i = 0; i < usages.length; i++) push(operations, usages[i]);
      return { kty: "oct", k: kit.toBase64(bytes, true), alg: HASHES[hash].jwk, key_ops: operations, ext: true };
    },
  };
  const LENGTHS = { digest: 2, sign: 3, verify: 4, generateKey: 3, importKey: 5, exportKey: 2 };
  const ABSENT = { encrypt: 3, decrypt: 3, deriveBits: 3, deriveKey: 5, wrapKey: 4, unwrapKey: 7 };
  const method = (name, length, operation) => {
    const where = `crypto.subtle.${name}`;
    const value = {
      [name](...values) {
        try {
          if (!kit.isSubtle(this)) throw typeError(`${where}: called on something else`);
          need(where, values.length, length);
          // By index: a spread would run the iterator of arrays, which scripts can replace.
          return resolved(operation(where, values[0], values[1], values[2], values[3], values[4]));
        } catch (error) {
          return reject(error);
        }
      },
    }[name];
    kit.defineProperty(value, "length", { value: length });
    kit.defineProperty(SubtleCrypto.prototype, name, { value, writable: true, configurable: true });
  };
  for (const name in LENGTHS) method(name, LENGTHS[name], operations[name]);
  for (const name in ABSENT)
    method(name, ABSENT[name], () => refuse(`there is no ${name}; there are digests, and HMAC to sign and verify`, "NotSupportedError"));
  kit.webClass(SubtleCrypto, "SubtleCrypto");
});
