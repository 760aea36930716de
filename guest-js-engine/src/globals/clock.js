// `performance`: milliseconds since the execution began, and when that was.
(function (native, kit) {
  "use strict";
  const { elapsed } = native;
  kit.elapsed = elapsed;
  // For stamps that are made, and seldom read: without an execution there is no time, and none has passed.
  kit.elapsedOrZero = native.elapsedOrZero;

  const performance = {
    now: () => elapsed(),
    get timeOrigin() {
      return native.origin();
    },
    toJSON: () => ({ timeOrigin: native.origin() }),
  };
  kit.global("performance", kit.namespace("Performance", performance));
});
