// `events.publish`: answers the event's id.
(function (native, kit) {
  "use strict";
  const { string, optionalString, json, options, reject } = kit;
  const where = "events.publish";

  kit.global(
    "events",
    kit.namespace("events", {
      publish(type, data, settings) {
        try {
          const { subject, id } = options(where, settings);
          return native.publish(
            string(where, "type", type),
            data === undefined ? "null" : json(where, "data", data),
            optionalString(where, "subject", subject),
            optionalString(where, "id", id),
          );
        } catch (error) {
          return reject(error);
        }
      },
    }),
  );
});
