// Calling `fetch(request, env, ctx)` of an edge worker's default export.
(function (native, kit) {
  "use strict";
  const { freeze, then, resolved } = kit;

  const context = () =>
    freeze({
      // Keep the run open until the promise is settled.
      waitUntil(promise) {
        native.hold();
        then(resolved(promise), native.release, (reason) => {
          native.release();
          const [name, message] = kit.describeThrown(reason);
          kit.logWarning(`waitUntil: ${name}: ${message}`);
        });
      },
      passThroughOnException() {},
    });
  kit.callWorker = (worker, request) => worker.fetch(request, freeze({}), context());
});
