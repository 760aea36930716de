// `secrets.get` answers a handle. It names the secret to the host, which puts the value where it is allowed to go.
(function (native, kit) {
  "use strict";
  const { string, reject, typeError, then, split, lower, toBytes, freeze } = kit;

  // Written like everywhere else: "sha256" and "SHA-256" are one.
  const algorithmOf = (where, name) => kit.join(split(lower(string(where, "algorithm", name)), "-"), "");

  class Secret {
    #name;
    #format;
    constructor(name, format) {
      this.#name = name;
      this.#format = format;
      freeze(this);
    }
    static {
      kit.newSecret = (name) => new Secret(name, "{}");
      kit.isSecret = (value) => typeof value === "object" && value !== null && #name in value;
      kit.secretName = (secret) => secret.#name;
      kit.secretFormat = (secret) => secret.#format;
    }
    get name() {
      return this.#name;
    }
    // Another handle, whose value is put into `text` in place of `{}`.
    format(text) {
      string("secret.format", "text", text);
      if (split(text, "{}").length !== 2) throw typeError('secret.format: the text must contain exactly one "{}"');
      return new Secret(this.#name, text);
    }
    // The HMAC of `data` under the secret, made by the host.
    hmac(algorithm, data, encoding = "hex") {
      try {
        const bytes = toBytes("secret.hmac", "data", data);
        const signed = native.hmac(this.#name, this.#format, algorithmOf("secret.hmac", algorithm), bytes);
        return then(signed, (signature) => kit.encodeBytes("secret.hmac", signature, encoding));
      } catch (error) {
        return reject(error);
      }
    }
    // Whether `signature` (bytes, or hexadecimal or base64 text) is the HMAC of `data` under the secret.
    verify(algorithm, data, signature) {
      try {
        const bytes = toBytes("secret.verify", "data", data);
        const given =
          typeof signature === "string"
            ? kit.fromText("secret.verify", signature)
            : toBytes("secret.verify", "signature", signature);
        return native.verify(this.#name, this.#format, algorithmOf("secret.verify", algorithm), bytes, given);
      } catch (error) {
        return reject(error);
      }
    }
    #refuse() {
      throw typeError(`a secret is not text: ${this.#name} can be a header, a field of a body or an HMAC key`);
    }
    toString() {
      return this.#refuse();
    }
    toJSON() {
      return this.#refuse();
    }
    [Symbol.toPrimitive]() {
      return this.#refuse();
    }
  }
  kit.defineProperty(Secret.prototype, Symbol.toStringTag, { value: "Secret", configurable: true });

  kit.global(
    "secrets",
    kit.namespace("secrets", {
      get(name) {
        try {
          const checked = native.check(string("secrets.get", "name", name));
          return then(checked, () => kit.newSecret(name));
        } catch (error) {
          return reject(error);
        }
      },
    }),
  );
});
