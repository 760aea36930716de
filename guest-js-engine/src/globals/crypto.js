// `crypto`: random values from the execution's own sealed seed. `crypto.subtle` is in `subtle`.
(function (native, kit) {
  "use strict";
  const { typeError, bytesOf, describe, need, domException, putBytes, arrayTag } = kit;
  const MOST_BYTES = 65536;
  let make = true;

  class Crypto {
    #subtle = kit.newSubtle();
    constructor() {
      if (!make) throw typeError("Crypto cannot be constructed; use the global crypto");
    }
    get subtle() {
      return this.#subtle;
    }
    getRandomValues(array) {
      this.#subtle;
      need("crypto.getRandomValues", arguments.length, 1);
      const tag = arrayTag(array);
      if (tag === undefined || kit.includes(tag, "Float")) {
        throw domException(
          `crypto.getRandomValues: the argument must be an integer typed array, not ${tag ?? describe(array)}`,
          "TypeMismatchError",
        );
      }
      const bytes = bytesOf(array);
      if (bytes.length > MOST_BYTES) {
        throw domException(
          `crypto.getRandomValues: at most ${MOST_BYTES} bytes at once, not ${bytes.length}`,
          "QuotaExceededError",
        );
      }
      putBytes(bytes, native.bytes(bytes.length));
      return array;
    }
    randomUUID() {
      this.#subtle;
      return native.uuid();
    }
  }
  kit.webClass(Crypto, "Crypto");
  kit.global("crypto", new Crypto());
  make = false;
  kit.orderedUuid = native.orderedUuid;
});
