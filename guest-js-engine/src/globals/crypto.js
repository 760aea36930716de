// `crypto`: random values. `subtle` is not there.
(function (native, kit) {
  "use strict";
  const { typeError, bytesOf, describe, uncurry, getOwnPropertyDescriptor, getPrototypeOf } = kit;
  const MOST_BYTES = 65536;
  const tagOf = uncurry(getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get);
  const put = uncurry(Uint8Array.prototype.set);

  kit.global(
    "crypto",
    kit.namespace("Crypto", {
      getRandomValues(array) {
        const tag = array !== null && typeof array === "object" ? tagOf(array) : undefined;
        if (tag === undefined || kit.includes(tag, "Float")) {
          throw typeError(
            `crypto.getRandomValues: the argument must be an integer typed array, not ${tag ?? describe(array)}`,
          );
        }
        const bytes = bytesOf(array);
        if (bytes.length > MOST_BYTES) {
          throw kit.domException(
            `crypto.getRandomValues: at most ${MOST_BYTES} bytes at once, not ${bytes.length}`,
            "QuotaExceededError",
          );
        }
        put(bytes, native.bytes(bytes.length));
        return array;
      },
      randomUUID: () => native.uuid(),
    }),
  );
  kit.orderedUuid = native.orderedUuid;
});
