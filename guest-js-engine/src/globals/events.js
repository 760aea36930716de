// `events.publish`: answers the event's id.
(function (native, kit) {
  "use strict";
  const { string, optionalString, json, options, reject } = kit;
  const where = "events.publish";
  // The bounds are the host's, which checks them again: here, the error has the line of the call.
  const DATA_BYTES = 256 * 1024,
    NAME_BYTES = 200;

  const typeOf = (type) => {
    kit.bounded(where, "type", string(where, "type", type), 1, NAME_BYTES);
    if (!kit.test(/^[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)*$/, type))
      throw kit.typeError(
        `${where}: the type must be lower-case words of letters, digits, "_" and "-", joined by dots (order.validated), not ${kit.inspect(type)}`,
      );
    return type;
  };
  const name = (what, value) => {
    const text = optionalString(where, what, value);
    return text === undefined ? undefined : kit.bounded(where, what, text, 0, NAME_BYTES);
  };

  kit.global(
    "events",
    kit.namespace("events", {
      publish(type, data, settings) {
        try {
          const { subject, id } = options(where, settings);
          return native.publish(
            typeOf(type),
            kit.bounded(where, "data (as JSON)", data === undefined ? "null" : json(where, "data", data), 1, DATA_BYTES),
            name("subject", subject),
            name("id", id),
          );
        } catch (error) {
          return reject(error);
        }
      },
    }),
  );
});
