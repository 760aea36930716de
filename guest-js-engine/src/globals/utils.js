// `utils`: what scripts need again and again.
(function (native, kit) {
  "use strict";
  const { toBytes, string, typeError, describe, encodeBytes, isSecret, slice, test, freeze, namespace } = kit;
  const parseInteger = Number.parseInt;

  const ALGORITHMS = "sha1 sha256 sha384 sha512";
  const algorithmOf = (where, name) => {
    string(where, "algorithm", name);
    const plain = kit.join(kit.split(kit.lower(name), "-"), "");
    if (!test(/^sha(?:1|256|384|512)$/, plain))
      throw kit.rangeError(`${where}: the algorithm must be one of ${ALGORITHMS}, not ${kit.inspect(name)}`);
    return plain;
  };
  // Bytes from hexadecimal or base64 text.
  kit.fromText = (where, text) => {
    if (text.length % 2 !== 0 || !test(/^[0-9a-fA-F]+$/, text)) return kit.fromBase64(string(where, "text", text));
    const bytes = new kit.Bytes(text.length / 2);
    for (let i = 0; i < bytes.length; i++) bytes[i] = parseInteger(slice(text, 2 * i, 2 * i + 2), 16);
    return bytes;
  };

  const base64 = freeze(
    namespace("base64", {
      encode: (data) => kit.toBase64(toBytes("utils.base64.encode", "data", data), false),
      encodeUrl: (data) => kit.toBase64(toBytes("utils.base64.encodeUrl", "data", data), true),
      // Both alphabets, with padding or without; `"text"` answers a string.
      decode: (text, as = "bytes") => {
        const bytes = kit.fromBase64(string("utils.base64.decode", "text", text));
        if (as === "bytes") return bytes;
        if (as === "text") return kit.decode(bytes);
        throw kit.rangeError(`utils.base64.decode: the result must be "bytes" or "text", not ${kit.inspect(as)}`);
      },
    }),
  );

  kit.global(
    "utils",
    namespace("utils", {
      uuid: () => kit.orderedUuid(),
      hash: (algorithm, data, encoding = "hex") =>
        encodeBytes(
          "utils.hash",
          native.hash(algorithmOf("utils.hash", algorithm), toBytes("utils.hash", "data", data)),
          encoding,
        ),
      // With a secret as key it answers a promise: the host does the work.
      hmac: (algorithm, key, data, encoding = "hex") => {
        if (isSecret(key)) return key.hmac(algorithmOf("utils.hmac", algorithm), data, encoding);
        const tag = native.hmac(
          algorithmOf("utils.hmac", algorithm),
          toBytes("utils.hmac", "key", key),
          toBytes("utils.hmac", "data", data),
        );
        return encodeBytes("utils.hmac", tag, encoding);
      },
      sleep: (ms) => {
        if (typeof ms !== "number")
          return kit.reject(typeError(`utils.sleep: the time must be a number of milliseconds, not ${describe(ms)}`));
        if (ms === Infinity) return kit.reject(kit.rangeError("utils.sleep: the time must be finite"));
        return kit.sleep(ms);
      },
      base64,
      date: kit.date,
    }),
  );
});
