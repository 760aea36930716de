// `storage`: arguments are checked here, and every mistake is a rejection.
(function (native, kit) {
  "use strict";
  const { string, optionalString, json, options, integer, reject, describe, isArray, typeError, rangeError, isFinite } =
    kit;
  const TEN_YEARS_SECONDS = 10 * 366 * 24 * 60 * 60;
  const LIST_LIMIT = 100,
    LIST_MOST = 1000,
    KEYS_MOST = 100;

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
    for (let i = 0; i < keys.length; i++) kit.push(checked, string("storage.getMany", "key", keys[i]));
    return checked;
  };

  kit.global(
    "storage",
    kit.namespace("storage", {
      get(key) {
        try {
          return native.get(string("storage.get", "key", key));
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
          return native.set(string("storage.set", "key", key), json("storage.set", "value", value), ttlSeconds(ttl));
        } catch (error) {
          return reject(error);
        }
      },
      delete(key) {
        try {
          return native.delete(string("storage.delete", "key", key));
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
          string("storage.increment", "key", key);
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
