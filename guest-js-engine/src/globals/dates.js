// `utils.date`: moments are milliseconds (or a `Date`); zones are IANA names, `UTC` where none is given.
(function (native, kit) {
  "use strict";
  const {
    string,
    typeError,
    rangeError,
    describe,
    isInteger,
    isFinite,
    isArray,
    keys,
    join,
    push,
    freeze,
    namespace,
    kind,
    uncurry,
  } = kit;
  const time = uncurry(Date.prototype.getTime);
  const MOST_MS = 8.64e15;
  const UNITS = ["years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"];

  const moment = (where, value) => {
    const isDate = value !== null && typeof value === "object" && kind(value) === "date";
    const ms = isDate
      ? time(value)
      : typeof value === "string"
        ? native.parse(string(where, "date", value), "UTC")
        : value;
    if (typeof ms !== "number")
      throw typeError(`${where}: the date must be a Date, a number of milliseconds or a text, not ${describe(value)}`);
    if (!isFinite(ms) || ms > MOST_MS || ms < -MOST_MS) throw rangeError(`${where}: not a date: ${ms}`);
    return ms;
  };
  const zoneOf = (where, zone) => (zone === undefined || zone === null ? "UTC" : string(where, "zone", zone));
  const amounts = (where, given) => {
    if (given === null || typeof given !== "object" || isArray(given))
      throw typeError(`${where}: the amounts must be an object like { days: 1 }, not ${describe(given)}`);
    const names = keys(given),
      list = [];
    for (let i = 0; i < names.length; i++) {
      if (!isUnit(names[i]))
        throw rangeError(`${where}: there is no unit ${kit.inspect(names[i])}; the units are ${join(UNITS, ", ")}`);
    }
    for (let i = 0; i < UNITS.length; i++) {
      const amount = given[UNITS[i]] ?? 0;
      if (!isInteger(amount))
        throw rangeError(`${where}: ${UNITS[i]} must be a whole number, not ${kit.inspect(amount)}`);
      push(list, amount);
    }
    return list;
  };
  const isUnit = (name) => {
    for (let i = 0; i < UNITS.length; i++) if (UNITS[i] === name) return true;
    return false;
  };

  kit.date = freeze(
    namespace("date", {
      // Milliseconds of an RFC 3339 text, or of a date (and time) in the zone.
      parse: (text, zone) => native.parse(string("utils.date.parse", "text", text), zoneOf("utils.date.parse", zone)),
      // By strftime's pattern; RFC 3339 without one.
      format: (date, pattern, zone) =>
        native.format(
          moment("utils.date.format", date),
          pattern === undefined || pattern === null ? "" : string("utils.date.format", "pattern", pattern),
          zoneOf("utils.date.format", zone),
        ),
      add: (date, given, zone) =>
        native.add(moment("utils.date.add", date), amounts("utils.date.add", given), zoneOf("utils.date.add", zone)),
      startOf: (date, unit, zone) =>
        native.startOf(
          moment("utils.date.startOf", date),
          string("utils.date.startOf", "unit", unit),
          zoneOf("utils.date.startOf", zone),
        ),
      parts: (date, zone) => {
        const p = native.parts(moment("utils.date.parts", date), zoneOf("utils.date.parts", zone));
        return {
          year: p[0],
          month: p[1],
          day: p[2],
          hour: p[3],
          minute: p[4],
          second: p[5],
          millisecond: p[6],
          weekday: p[7],
          offsetMinutes: p[8],
          zone: zoneOf("utils.date.parts", zone),
        };
      },
    }),
  );
});
