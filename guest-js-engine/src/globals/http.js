// `http` and `fetch`. A status is never an error; a refused or broken connection is a rejection.
(function (native, kit) {
  "use strict";
  const {
    Headers,
    Promise,
    Request,
    options,
    integer,
    reject,
    then,
    typeError,
    keys,
    push,
    slice,
    stringify,
    toWellFormed,
    toText,
    encode,
    isSecret,
  } = kit;
  const TIMEOUT_MOST_MS = 30 * 60 * 1000;

  // What only a connection says, and no script: `fetch` leaves it out, as the standard does, so that a request that came
  // in can be sent on.
  const FRAMING = {
    __proto__: null,
    connection: true,
    "content-length": true,
    expect: true,
    host: true,
    "http2-settings": true,
    "keep-alive": true,
    te: true,
    trailer: true,
    "transfer-encoding": true,
    upgrade: true,
  };
  const unframed = (list) => {
    const kept = [];
    for (let i = 0; i < list.length; i += 2)
      if (FRAMING[list[i]] === undefined && slice(list[i], 0, 6) !== "proxy-") push(kept, list[i], list[i + 1]);
    return kept;
  };

  const asItIs = (value) => value;
  // Headers apart from those whose value is a secret.
  const splitHeaders = (init) => {
    const secrets = [];
    if (!kit.isObject(init) || kit.isHeaders(init)) return { headers: new Headers(init ?? undefined), secrets };
    const pairs = kit.pairsOf("Headers", init, asItIs);
    const headers = new Headers();
    for (let i = 0; i < pairs.length; i += 2) {
      const name = pairs[i],
        value = pairs[i + 1];
      if (isSecret(value)) {
        push(secrets, kit.headerName(name), kit.secretName(value), kit.secretFormat(value));
      } else {
        headers.append(name, value);
      }
    }
    return { headers, secrets };
  };
  // The fields of a structured body; `text` is how a plain value is written.
  const fields = (object, text) => {
    const names = keys(object),
      list = [];
    for (let i = 0; i < names.length; i++) {
      const value = object[names[i]],
        name = toWellFormed(names[i]);
      if (isSecret(value)) {
        push(list, name, kit.secretName(value), kit.secretFormat(value));
        continue;
      }
      const plain = text(value);
      if (plain !== undefined) push(list, name, plain, "");
    }
    return list;
  };
  const carriesSecret = (value) => {
    if (value === null || typeof value !== "object" || kit.isArray(value)) return false;
    const names = keys(value);
    for (let i = 0; i < names.length; i++) if (isSecret(value[names[i]])) return true;
    return false;
  };
  const bytesBody = (content, type) => ({
    kind: "bytes",
    body: typeof content === "string" ? encode(content) : content,
    type,
  });
  const jsonText = (where, value) =>
    (typeof value === "symbol" ? undefined : stringify(value)) ?? kit.raise(typeError(`${where}: ${kit.describe(value)} has no JSON form`));

  const isPlainBody = (data) =>
    typeof data === "string" ||
    kit.isParams(data) ||
    kit.isBlob(data) ||
    kit.isForm(data) ||
    kit.isStream(data) ||
    kit.bytesOf(data) !== undefined;
  // How data is sent: texts and bytes as they are, everything else as JSON.
  const bodyOf = (where, data) => {
    if (data === undefined || data === null) return NO_BODY;
    if (isSecret(data)) throw typeError(`${where}: a secret can be one field of a body, not the whole of it`);
    if (isPlainBody(data)) {
      const { content, type } = kit.contentOf(where, data);
      return bytesBody(content, type);
    }
    if (carriesSecret(data)) return { kind: "json", body: fields(data, stringify), type: null };
    return bytesBody(jsonText(where, data), "application/json");
  };
  const formBody = (where, form) => {
    if (form === null || typeof form !== "object")
      throw typeError(`${where}: the form must be an object, not ${kit.describe(form)}`);
    return {
      kind: "form",
      body: fields(form, (value) => (value === undefined ? undefined : toWellFormed(toText(value)))),
      type: null,
    };
  };

  const NO_BODY = { kind: "none", body: undefined, type: null };
  // A form of `fetch`, one of whose fields may be a secret.
  const formOf = (checked, content, form) => {
    if (content !== null) throw typeError("fetch: a request has a body or a form, not both");
    if (checked.method === "GET" || checked.method === "HEAD")
      throw typeError(`fetch: a ${checked.method} request has no body`);
    return formBody("fetch", form);
  };

  // Start the call; a body that is a stream is read to its end before.
  const start = (parts, signal) => {
    if (!kit.isStream(parts.body)) return native.send(parts);
    return then(kit.collect(parts.body), (body) => {
      // Given up while the stream was read: nothing has left yet, and nothing will.
      if (signal !== undefined && kit.isAborted(signal)) throw kit.abortReason(signal);
      return native.send({ ...parts, body });
    });
  };
  // A call that is given up stays on its way: what it does outside is done, and its answer is recorded.
  const send = (parts, signal) => {
    if (signal === undefined || signal === null) return then(start(parts), kit.receivedResponse);
    if (!kit.isSignal(signal))
      return reject(typeError(`http: the signal must be an AbortSignal, not ${kit.describe(signal)}`));
    if (kit.isAborted(signal)) return reject(kit.abortReason(signal));
    return new Promise((resolve, fail) => {
      kit.onAbort(signal, () => fail(kit.abortReason(signal)));
      then(then(start(parts, signal), kit.receivedResponse), resolve, fail);
    });
  };
  const timeoutOf = (where, timeout) =>
    timeout === undefined || timeout === null ? undefined : integer(where, "timeout (ms)", timeout, 1, TIMEOUT_MOST_MS);

  const request = (where, method, url, data, settings) => {
    try {
      settings = options(where, settings);
      const { headers, secrets } = splitHeaders(settings.headers);
      const body = settings.form === undefined ? bodyOf(where, data) : formBody(where, settings.form);
      if (body.type !== null && !headers.has("content-type")) headers.set("content-type", body.type);
      // The method and the redirect mode are checked, and the address made absolute, as `Request` does it.
      const checked = kit.requestParts(new Request(url, { method, redirect: settings.redirect }));
      const parts = {
        method: checked.method,
        url: checked.url,
        headers: kit.headerList(headers),
        secretHeaders: secrets,
        kind: body.kind,
        body: body.body,
        redirect: checked.redirect,
        timeout: timeoutOf(where, settings.timeout),
      };
      return send(parts, settings.signal);
    } catch (error) {
      return reject(error);
    }
  };

  kit.global(
    "http",
    kit.namespace("http", {
      get: (url, settings) => request("http.get", "GET", url, undefined, settings),
      delete: (url, settings) => request("http.delete", "DELETE", url, undefined, settings),
      post: (url, data, settings) => request("http.post", "POST", url, data, settings),
      put: (url, data, settings) => request("http.put", "PUT", url, data, settings),
      patch: (url, data, settings) => request("http.patch", "PATCH", url, data, settings),
      request: (url, settings) => request("http.request", settings?.method ?? "GET", url, settings?.body, settings),
    }),
  );

  kit.global("fetch", function fetch(input, init = undefined) {
    try {
      if (arguments.length === 0) throw typeError("fetch: the URL is missing");
      // Read one by one: `init` may be a Request.
      const { method, body: content, headers: given, redirect, signal, form } = kit.dictionary("fetch", init);
      const { headers, secrets } = splitHeaders(given);
      const from = new Request(input, { method, body: content, headers: given === undefined ? undefined : headers, redirect, signal });
      const checked = kit.requestParts(from);
      if (checked.signal !== undefined && kit.isAborted(checked.signal)) return reject(kit.abortReason(checked.signal));
      const whole = kit.takeBody(from, "fetch");
      const body = form !== undefined ? formOf(checked, whole, form) : whole === null ? NO_BODY : bytesBody(whole, null);
      const parts = {
        method: checked.method,
        url: checked.url,
        headers: unframed(kit.headerList(checked.headers)),
        secretHeaders: secrets,
        kind: body.kind,
        body: body.body,
        redirect: checked.redirect,
        timeout: undefined,
      };
      return send(parts, checked.signal);
    } catch (error) {
      return reject(error);
    }
  });
});
