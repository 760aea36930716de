// Calling `fetch(request, env, ctx)` of an edge worker's default export.
(function (native, kit) {
  "use strict";
  const { freeze, then, resolved, Proxy, typeError } = kit;
  const create = Object.create;

  // Every name is that of a secret: which of them may be used is decided where one is used.
  const refuse = () => {
    throw typeError("env cannot be changed: secrets are set in Skerry, and read here");
  };
  const environment = () => {
    const handles = create(null);
    return new Proxy(handles, {
      get(_target, name) {
        if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
        return (handles[name] ??= kit.newSecret(name));
      },
      has: (_target, name) => typeof name === "string",
      ownKeys: () => [],
      getOwnPropertyDescriptor: () => undefined,
      set: refuse,
      defineProperty: refuse,
      deleteProperty: refuse,
      setPrototypeOf: refuse,
      preventExtensions: refuse,
    });
  };
  const context = () =>
    freeze({
      // Keep the run open until the promise is settled.
      waitUntil(promise) {
        native.hold();
        then(resolved(promise), native.release, (reason) => {
          native.release();
          const told = kit.describeThrown(reason);
          kit.logWarning(`waitUntil: ${told[0]}: ${told[1]}`);
        });
      },
      // There is nothing behind a script to pass a request to.
      passThroughOnException() {},
    });
  kit.callWorker = (worker, request) => worker.fetch(request, environment(), context());

  kit.global("addEventListener", function addEventListener(type) {
    const advice =
      type === "fetch" ? "export default { async fetch(request, env, ctx) { … } }" : "export default the function to call";
    throw typeError(`addEventListener: a script is a module and has no global events; ${advice}`);
  });
  kit.global("navigator", freeze(kit.namespace("Navigator", { userAgent: "Skerry" })));
  kit.global("self", globalThis);
});
