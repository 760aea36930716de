// `performance.now`: milliseconds since the execution began.
(function (native, kit) {
  "use strict";
  const { elapsed } = native;
  kit.elapsed = elapsed;
  kit.global("performance", kit.namespace("Performance", { now: () => elapsed() }));
});
