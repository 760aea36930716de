// What a test file has beside the script API: describe, it, expect and fakes of whatever leaves the sandbox. It stands before
// the test in one module, whose names shadow the globals; every test begins with fresh fakes.
const { describe, it, test, expect, beforeEach, afterEach, fake, storage, events, secrets, services, http, fetch, Date, __skerry } = (() => {
  "use strict";
  const real = globalThis;
  const RealDate = real.Date;

  // Fakes

  const fakes = {};
  const reset = () => {
    fakes.entries = new Map();
    fakes.published = [];
    fakes.secrets = new Map();
    fakes.services = new Map();
    fakes.answers = [];
    fakes.requests = [];
    fakes.now = null;
  };
  reset();

  const copy = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
  const now = () => (fakes.now === null ? RealDate.now() : fakes.now);
  const live = (key) => {
    const entry = fakes.entries.get(key);
    return entry !== undefined && (entry.until === null || entry.until > now()) ? entry : null;
  };

  const storage = Object.freeze({
    get: async (key) => copy(live(key)?.value),
    getMany: async (keys) => keys.map((key) => copy(live(key)?.value)),
    set: async (key, value, ttl) => {
      const seconds = typeof ttl === "object" && ttl !== null ? ttl.ttl : ttl;
      fakes.entries.set(key, { value: copy(value), until: seconds ? now() + seconds * 1000 : null });
    },
    delete: async (key) => void fakes.entries.delete(key),
    list: async (query = {}) => {
      const { prefix = "", cursor = null, limit = 100 } = typeof query === "string" ? { prefix: query } : query;
      const keys = [...fakes.entries.keys()].filter((key) => key.startsWith(prefix ?? "") && live(key)).sort();
      const rest = keys.filter((key) => cursor === null || key > cursor);
      const page = rest.slice(0, limit);
      return {
        entries: page.map((key) => ({ key, value: copy(live(key).value) })),
        cursor: rest.length > page.length ? page[page.length - 1] : null,
      };
    },
    increment: async (key, by = 1) => {
      const before = live(key)?.value ?? 0;
      if (typeof before !== "number") throw new TypeError(`storage.increment: the value of '${key}' is no number to add to`);
      fakes.entries.set(key, { value: before + by, until: null });
    },
    commit: async () => {},
  });

  const events = Object.freeze({
    publish: async (type, data, options) => {
      const id = options?.id ?? real.utils.uuid();
      if (!fakes.published.some((event) => event.id === id)) {
        fakes.published.push({ type, data: copy(data), subject: options?.subject ?? null, id });
      }
      return id;
    },
  });

  const handles = new WeakMap();
  const handle = (name, value) => {
    const refuse = () => {
      throw new TypeError(`a secret is not text: ${name} can be a header, a field of a body or an HMAC key`);
    };
    const hmac = async (algorithm, data, encoding = "hex") => real.utils.hmac(algorithm, value, data, encoding);
    const made = Object.freeze({
      name,
      format: (text) => handle(name, text.replace("{}", () => value)),
      hmac,
      verify: async (algorithm, data, signature) =>
        typeof signature === "string"
          ? signature === (await hmac(algorithm, data)) || signature === (await hmac(algorithm, data, "base64"))
          : String(new Uint8Array(signature)) === String(await hmac(algorithm, data, "bytes")),
      toString: refuse,
      toJSON: refuse,
    });
    handles.set(made, value);
    return made;
  };
  const plain = (value) => (typeof value === "object" && value !== null && handles.has(value) ? handles.get(value) : value);

  const secrets = Object.freeze({
    get: async (name) => {
      if (!fakes.secrets.has(name)) throw denied(`no secret '${name}' in this test: fake.secret("${name}", "value")`);
      return handle(name, fakes.secrets.get(name));
    },
  });

  const denied = (message) => Object.assign(new Error(message), { name: "SkerryError", code: "capability_denied" });

  const services = new Proxy(Object.create(null), {
    get: (_, service) =>
      typeof service !== "string"
        ? undefined
        : new Proxy(Object.create(null), {
            get: (_, method) => {
              if (typeof method !== "string" || method === "then") return undefined;
              return async (...values) => {
                const found = fakes.services.get(service)?.[method];
                if (found === undefined) {
                  throw denied(`no service '${service}.${method}' in this test: fake.service("${service}", { ${method}: … })`);
                }
                return typeof found === "function" ? found(...values) : found;
              };
            },
          }),
  });

  const headersOf = (given) => {
    const pairs = given === null || given === undefined ? [] : given[Symbol.iterator] ? [...given] : Object.entries(given);
    return pairs.map(([name, value]) => [name, plain(value)]);
  };
  const matches = (wanted, request) => {
    const [method, url] = wanted.includes(" ") ? wanted.split(" ") : ["*", wanted];
    if (method !== "*" && method !== request.method) return false;
    return url.endsWith("*") ? request.url.startsWith(url.slice(0, -1)) : url === request.url;
  };
  const send = async (request) => {
    const body = await request.clone().text();
    fakes.requests.push({ method: request.method, url: request.url, headers: Object.fromEntries(request.headers), body });
    const found = fakes.answers.find((answer) => matches(answer.wanted, request));
    if (found === undefined) {
      const message = `nothing answers ${request.method} ${request.url} in this test: fake.http("${request.method} ${request.url}", …)`;
      throw Object.assign(new Error(message), { name: "SkerryError", code: "egress_denied" });
    }
    const answer = typeof found.answer === "function" ? await found.answer(request) : found.answer;
    return answer instanceof Response ? answer.clone() : Response.json(answer ?? null);
  };
  const bodyOf = (data, headers, form) => {
    if (form) {
      const fields = Object.entries(form).filter(([, value]) => value !== undefined);
      return new URLSearchParams(fields.map(([name, value]) => [name, String(plain(value))]));
    }
    if (data === undefined || data === null) return undefined;
    const isBody = typeof data === "string" || data instanceof URLSearchParams || data instanceof FormData
      || data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob;
    if (isBody) return data;
    if (!headers.some(([name]) => name.toLowerCase() === "content-type")) headers.push(["content-type", "application/json"]);
    return JSON.stringify(data, (_, value) => plain(value));
  };
  const request = async (method, url, data, options) => {
    const headers = headersOf(options?.headers);
    const body = bodyOf(data, headers, options?.form);
    return send(new Request(String(url), { method, headers, body }));
  };
  const http = Object.freeze({
    get: (url, options) => request("GET", url, undefined, options),
    post: (url, data, options) => request("POST", url, data, options),
    put: (url, data, options) => request("PUT", url, data, options),
    patch: (url, data, options) => request("PATCH", url, data, options),
    delete: (url, options) => request("DELETE", url, undefined, options),
    request: (url, options) => request(options?.method ?? "GET", url, options?.body, options),
  });
  const fetch = async (input, init) => {
    if (input instanceof Request && !init) return send(input);
    const headers = headersOf(init?.headers ?? (input instanceof Request ? input.headers : null));
    const body = init?.form ? bodyOf(undefined, headers, init.form) : init?.body;
    return send(new Request(input, { ...init, headers, body }));
  };

  const Date = new Proxy(RealDate, {
    construct: (target, values, kind) => Reflect.construct(target, values.length === 0 ? [now()] : values, kind === Date ? target : kind),
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
  const moment = (value) => {
    const ms = typeof value === "number" ? value : new RealDate(value).getTime();
    if (Number.isNaN(ms)) throw new TypeError(`fake.time: '${value}' is no time`);
    return ms;
  };

  const fake = Object.freeze({
    /** Entries that storage begins with, by key. */
    storage: (entries) => {
      for (const [key, value] of Object.entries(entries)) fakes.entries.set(key, { value: copy(value), until: null });
    },
    /** The value behind a secret's handle. */
    secret: (name, value) => void fakes.secrets.set(name, String(value)),
    /** A service's methods, by name: functions, or what they answer. */
    service: (name, methods) => void fakes.services.set(name, methods),
    /** What answers "METHOD url", where the url may end in *: a Response, a function of the Request, or JSON. */
    http: (wanted, answer) => void fakes.answers.unshift({ wanted, answer }),
    /** The clock, which stands still from then on. */
    time: (value) => void (fakes.now = moment(value)),
    /** Let the clock go on by so many milliseconds. */
    advance: (ms) => void (fakes.now = now() + ms),
    /** The events that were published, in order. */
    get events() {
      return fakes.published;
    },
    /** The requests that were sent, in order. */
    get requests() {
      return fakes.requests;
    },
    /** The entries of storage, by key. */
    get entries() {
      return Object.fromEntries([...fakes.entries.keys()].filter(live).sort().map((key) => [key, live(key).value]));
    },
  });

  // Expectations

  const shown = (value) => {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "function") return `[function ${value.name || "anonymous"}]`;
    if (typeof value === "bigint") return `${value}n`;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${shown([...value])}`;
    if (typeof value === "object" && value !== null) {
      try {
        return JSON.stringify(value) ?? String(value);
      } catch {
        return Object.prototype.toString.call(value);
      }
    }
    return Object.is(value, -0) ? "-0" : String(value);
  };
  const isObject = (value) => typeof value === "object" && value !== null;
  const equal = (a, b, seen = new Map()) => {
    if (Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if (seen.get(a) === b) return true;
    seen.set(a, b);
    if (a instanceof RealDate && b instanceof RealDate) return a.getTime() === b.getTime();
    if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
    if (a instanceof Error && b instanceof Error) return a.name === b.name && a.message === b.message;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    if (a instanceof Map || a instanceof Set) {
      return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && equal([...a], [...b], seen);
    }
    if (ArrayBuffer.isView(a)) {
      return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && a.length === b.length && a.every((it, at) => it === b[at]);
    }
    const keys = (value) => Object.keys(value).filter((key) => value[key] !== undefined);
    const ours = keys(a);
    return ours.length === keys(b).length && (!Array.isArray(a) || a.length === b.length)
      && ours.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key], seen));
  };
  const contains = (whole, part) => {
    if (!isObject(part) || !isObject(whole)) return equal(whole, part);
    if (Array.isArray(part)) {
      return Array.isArray(whole) && whole.length === part.length && part.every((item, at) => contains(whole[at], item));
    }
    return Object.keys(part).every((key) => key in whole && contains(whole[key], part[key]));
  };
  const thrown = (call) => {
    if (typeof call !== "function") throw new TypeError("toThrow is for a function: expect(() => …)");
    try {
      call();
    } catch (error) {
      return { error };
    }
    return null;
  };
  const isThrown = (error, wanted) => {
    if (wanted === undefined) return true;
    const message = isObject(error) ? String(error.message) : String(error);
    if (typeof wanted === "string") return message.includes(wanted);
    if (wanted instanceof RegExp) return wanted.test(message);
    if (typeof wanted === "function") return error instanceof wanted;
    return contains(error, wanted) || (isObject(wanted) && message === wanted.message);
  };
  const at = (value, path) => {
    const keys = Array.isArray(path) ? path : String(path).split(".");
    return keys.reduce((inner, key) => (isObject(inner) && key in inner ? inner[key] : undefined), value);
  };

  // Each says whether it holds, and what was wanted.
  const matchers = {
    toBe: (value, wanted) => [Object.is(value, wanted), `to be ${shown(wanted)}`],
    toEqual: (value, wanted) => [equal(value, wanted), `to equal ${shown(wanted)}`],
    toStrictEqual: (value, wanted) => [equal(value, wanted), `to equal ${shown(wanted)}`],
    toMatchObject: (value, wanted) => [contains(value, wanted), `to contain ${shown(wanted)}`],
    toBeTruthy: (value) => [Boolean(value), "to be truthy"],
    toBeFalsy: (value) => [!value, "to be falsy"],
    toBeNull: (value) => [value === null, "to be null"],
    toBeUndefined: (value) => [value === undefined, "to be undefined"],
    toBeDefined: (value) => [value !== undefined, "to be defined"],
    toBeNaN: (value) => [Number.isNaN(value), "to be NaN"],
    toBeGreaterThan: (value, wanted) => [value > wanted, `to be greater than ${shown(wanted)}`],
    toBeGreaterThanOrEqual: (value, wanted) => [value >= wanted, `to be at least ${shown(wanted)}`],
    toBeLessThan: (value, wanted) => [value < wanted, `to be less than ${shown(wanted)}`],
    toBeLessThanOrEqual: (value, wanted) => [value <= wanted, `to be at most ${shown(wanted)}`],
    toBeCloseTo: (value, wanted, digits = 2) => [Math.abs(value - wanted) < 10 ** -digits / 2, `to be close to ${shown(wanted)}`],
    toBeInstanceOf: (value, wanted) => [value instanceof wanted, `to be of ${wanted.name}`],
    toContain: (value, wanted) => [
      typeof value === "string" ? value.includes(wanted) : [...value].some((item) => Object.is(item, wanted)),
      `to contain ${shown(wanted)}`,
    ],
    toContainEqual: (value, wanted) => [[...value].some((item) => equal(item, wanted)), `to contain ${shown(wanted)}`],
    toHaveLength: (value, wanted) => [value?.length === wanted, `to have the length ${shown(wanted)}`],
    toHaveProperty: (value, path, ...wanted) => [
      wanted.length === 0 ? at(value, path) !== undefined : equal(at(value, path), wanted[0]),
      `to have ${shown(path)}${wanted.length === 0 ? "" : ` as ${shown(wanted[0])}`}`,
    ],
    toMatch: (value, wanted) => [
      typeof wanted === "string" ? String(value).includes(wanted) : wanted.test(value),
      `to match ${shown(wanted)}`,
    ],
    toThrow: (value, wanted) => {
      const found = isObject(value) && rejections.has(value) ? { error: value.error } : thrown(value);
      return [found !== null && isThrown(found.error, wanted), wanted === undefined ? "to throw" : `to throw ${shown(wanted)}`, found];
    },
  };
  const rejections = new WeakSet();

  const judge = (name, value, isNegated, wanted) => {
    const [holds, words, found] = matchers[name](value, ...wanted);
    if (holds !== isNegated) return;
    const got = found ? `, which threw ${shown(found.error)}` : "";
    const error = new Error(`expected ${shown(value)} ${isNegated ? "not " : ""}${words}${got}`);
    error.name = "AssertionError";
    throw error;
  };
  const judges = (make) => Object.fromEntries(Object.keys(matchers).map((name) => [name, make(name)]));
  const expectations = (value, isNegated) => judges((name) => (...wanted) => judge(name, value, isNegated, wanted));
  const settled = (prepare, isNegated) =>
    judges((name) => async (...wanted) => judge(name, await prepare(), isNegated, wanted));
  const expect = (value) => {
    const promised = typeof value === "function" ? () => value() : () => value;
    const resolves = async () => promised();
    const rejects = async () => {
      let answer;
      try {
        answer = await promised();
      } catch (error) {
        const rejection = isObject(error) ? error : { message: String(error) };
        if (!Object.isExtensible(rejection)) return rejection;
        const told = Object.assign(Object.create(rejection), { error });
        rejections.add(told);
        return told;
      }
      throw Object.assign(new Error(`expected a rejection, and it was fulfilled with ${shown(answer)}`), { name: "AssertionError" });
    };
    const both = (isNegated) => ({
      ...expectations(value, isNegated),
      resolves: { ...settled(resolves, isNegated), not: settled(resolves, !isNegated) },
      rejects: { ...settled(rejects, isNegated), not: settled(rejects, !isNegated) },
    });
    return { ...both(false), not: both(true) };
  };

  // Tests

  const root = { name: "", parent: null, before: [], after: [], isSkipped: false, isOnly: false };
  let suite = root;
  const tests = [];
  const declare = (flags) => (name, body) => {
    if (typeof body !== "function") throw new TypeError(`the test '${name}' has no function`);
    tests.push({ name: String(name), body, suite, isSkipped: false, isOnly: false, ...flags });
  };
  const group = (flags) => (name, body) => {
    const outer = suite;
    suite = { name: String(name), parent: outer, before: [], after: [], isSkipped: false, isOnly: false, ...flags };
    try {
      const ended = body();
      if (isObject(ended) && typeof ended.then === "function") throw new TypeError(`the function of describe '${name}' must not be async`);
    } finally {
      suite = outer;
    }
  };
  const withFlags = (make) => Object.assign(make({}), { skip: make({ isSkipped: true }), only: make({ isOnly: true }) });
  const it = withFlags(declare);
  const describe = withFlags(group);
  const beforeEach = (body) => void suite.before.push(body);
  const afterEach = (body) => void suite.after.push(body);

  const suitesOf = (test) => {
    const found = [];
    for (let at = test.suite; at !== null; at = at.parent) found.unshift(at);
    return found;
  };
  const nameOf = (test) => [...suitesOf(test).map((it) => it.name), test.name].filter((name) => name !== "").join(" > ");
  const perform = async (test) => {
    reset();
    const suites = suitesOf(test);
    try {
      for (const body of suites.flatMap((it) => it.before)) await body();
      await test.body();
    } finally {
      for (const body of suites.toReversed().flatMap((it) => it.after)) await body();
    }
  };

  // The host reads lines of log that begin with its own mark. A failing test runs once more alone, uncaught, so that its stack
  // names the author's lines.
  const run = async ({ mark, only }) => {
    const say = (line) => console.debug(mark + JSON.stringify(line));
    if (only !== undefined) return perform(tests[only]);
    const isOnly = (test) => test.isOnly || suitesOf(test).some((it) => it.isOnly);
    const isSkipped = (test) => test.isSkipped || suitesOf(test).some((it) => it.isSkipped);
    const someOnly = tests.some(isOnly);
    say({ plan: tests.map(nameOf) });
    for (const [index, test] of tests.entries()) {
      if (isSkipped(test) || (someOnly && !isOnly(test))) {
        say({ index, outcome: "skipped" });
        continue;
      }
      say({ index, outcome: "started" });
      try {
        await perform(test);
        say({ index, outcome: "passed" });
      } catch (error) {
        const message = isObject(error) && "message" in error ? `${error.name}: ${error.message}` : `threw ${shown(error)}`;
        say({ index, outcome: "failed", message });
      }
    }
    return null;
  };

  return { describe, it, test: it, expect, beforeEach, afterEach, fake, storage, events, secrets, services, http, fetch, Date, __skerry: { run } };
})();
