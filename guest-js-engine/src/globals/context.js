// `context`: parsed and frozen at the first touch.
(function (native, kit) {
  "use strict";
  const { defineProperty, freeze, keys, parse } = kit;
  let context;
  const freezeDeep = (value) => {
    if (value !== null && typeof value === "object") {
      const names = keys(value);
      for (let i = 0; i < names.length; i++) freezeDeep(value[names[i]]);
      freeze(value);
    }
    return value;
  };
  defineProperty(globalThis, "context", {
    get: () => (context === undefined ? (context = freezeDeep(parse(native.read()))) : context),
    enumerable: false,
    configurable: false,
  });
});
