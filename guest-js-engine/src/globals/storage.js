// `storage`: arguments are checked here, and every mistake is a rejection.
(function (native, kit) {
  "use strict";
  const { string, optionalString, json, options, integer, reject, describe, isArray, typeError, rangeError, isFinite, test } =
    kit;
  // The bounds are the host's, which checks them again: here, the error has the line of the call.
  const TEN_YEARS_SECONDS = 10 * 365 * 24 * 60 * 60,
    KEY_BYTES = 512,
    VALUE_BYTES = 1024 * 1024;
  const LIST_LIMIT = 100,
    LIST_MOST = 1000,
    KEYS_MOST = 100;

  const keyOf = (where, value) => {
    const key = kit.bounded(where, "key", string(where, "key", value), 1, KEY_BYTES);
    if (test(/[\0-\x1f\x7f-\x9f]/, key)) throw typeError(`${where}: a key has no control characters, and this has: ${kit.inspect(key)}`);
    return key;
  };
  const valueOf = (where, value) => {
    const text = json(where, "value", value);
    return text.length * 3 <= VALUE_BYTES ? text : kit.bounded(where, "value (as JSON)", text, 1, VALUE_BYTES);
  };
  const ttlSeconds = (value) => {
    const ttl = value !== null && typeof value === "object" ? value.ttl : value;
    if (ttl === undefined || ttl === null) return undefined;
    return integer("storage.set", "ttl", ttl, 1, TEN_YEARS_SECONDS);
  };
  const keyList = (keys) => {
    if (!isArray(keys)) throw typeError(`storage.getMany: the keys must be an array, not ${describe(keys)}`);
    if (keys.length > KEYS_MOST)
      throw rangeError(`storage.getMany: at most ${KEYS_MOST} keys at once, not ${keys.length}`);
    const checked = [];
    for (let i = 0; i < keys.length; i++) kit.push(checked, keyOf("storage.getMany", keys[i]));
    return checked;
  };

  kit.global(
    "storage",
    kit.namespace("storage", {
      get(key) {
        try {
          return native.get(keyOf("storage.get", key));
        } catch (error) {
          return reject(error);
        }
      },
      getMany(keys) {
        try {
          return native.getMany(keyList(keys));
        } catch (error) {
          return reject(error);
        }
      },
      set(key, value, ttl) {
        try {
          return native.set(keyOf("storage.set", key), valueOf("storage.set", value), ttlSeconds(ttl));
        } catch (error) {
          return reject(error);
        }
      },
      delete(key) {
        try {
          return native.delete(keyOf("storage.delete", key));
        } catch (error) {
          return reject(error);
        }
      },
      list(query) {
        try {
          const { prefix, cursor, limit } =
            typeof query === "string" ? { prefix: query } : options("storage.list", query);
          return native.list(
            optionalString("storage.list", "prefix", prefix) ?? "",
            optionalString("storage.list", "cursor", cursor),
            limit === undefined ? LIST_LIMIT : integer("storage.list", "limit", limit, 1, LIST_MOST),
          );
        } catch (error) {
          return reject(error);
        }
      },
      increment(key, by = 1) {
        try {
          keyOf("storage.increment", key);
          if (typeof by !== "number")
            throw typeError(`storage.increment: the amount must be a number, not ${describe(by)}`);
          if (!isFinite(by)) throw rangeError(`storage.increment: the amount must be finite, not ${by}`);
          return native.increment(key, by);
        } catch (error) {
          return reject(error);
        }
      },
      commit() {
        try {
          return native.commit();
        } catch (error) {
          return reject(error);
        }
      },
    }),
  );
});
