// Generated from wit/script-api by `./just generate`; what is changed here is lost.
//
// The script API, version 1: everything that a script can reach beside JavaScript's own; see docs/script-api.md.
// It takes the place of the types of a browser or of Node: `"lib": ["esnext"], "types": ["@skerry/types"]`.

// Entries

/** A JSON value. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a script is for. */
type ScriptKind = "cron" | "endpoint" | "event" | "embedded" | "one_off";

/** The argument of a `cron` script. */
interface CronInput {
  /** The moment that the schedule named, RFC 3339. */
  readonly scheduledTime: string;
  /** When the last run of the schedule began, RFC 3339; `null` for the first. */
  readonly lastRun: string | null;
  /** The schedule's IANA time zone. */
  readonly timezone: string;
}

/** The argument of an `event` script (CloudEvents 1.0). */
interface EventInput<T = any> {
  readonly id: string;
  readonly type: string;
  /** RFC 3339. */
  readonly time: string;
  readonly source: string;
  readonly subject: string | null;
  readonly data: T;
}

/** A response as a plain object: it has a whole `status` and no other keys than these. */
interface Envelope {
  /** From 200 to 599. */
  status: number;
  headers?: HeadersInit;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown;
}

/** What an endpoint script answers. What is neither a `Response` nor an `Envelope` is sent as JSON with status 200. */
type EndpointResult = Response | Envelope | Json | object | void;

/** The entry of a `cron` script. */
type CronHandler = (input: CronInput) => unknown;

/** The entry of an `event` script. */
type EventHandler<T = any> = (event: EventInput<T>) => unknown;

/** The entry of an `endpoint` script. */
type EndpointHandler = (request: Request) => EndpointResult | Promise<EndpointResult>;

/** The entry of an `embedded` or a `one_off` script: the caller's JSON, and the answer. */
type Handler<Input = any, Result = unknown> = (input: Input) => Result | Promise<Result>;

/** The default export of an endpoint script in the form of an edge worker. */
interface ExportedHandler<Bindings = Env> {
  fetch(request: Request, env: Bindings, ctx: ExecutionContext): EndpointResult | Promise<EndpointResult>;
}

/** The second argument of an edge worker's `fetch`: the handles of the secrets that the script declares, by name. */
interface Env {
  readonly [name: string]: Secret;
}

/** The third argument of an edge worker's `fetch`. */
interface ExecutionContext {
  /** Keep the run open until the promise is settled, inside its deadline. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing: there is no origin server behind a script. */
  passThroughOnException(): void;
}

// context

/** Who runs, for whom, and until when. Frozen. */
declare const context: {
  /** The tenant that the script belongs to. */
  readonly tenant: { readonly id: string; readonly name: string };
  /** The person who triggered the execution; `null` where nobody did. */
  readonly user: { readonly id: string; readonly email: string; readonly name: string } | null;
  /** The script, and the version that runs. */
  readonly script: { readonly id: string; readonly name: string; readonly kind: ScriptKind; readonly version: number };
  /** This execution. The attempt counts from 1; the deadline is Unix time in milliseconds. */
  readonly execution: { readonly id: string; readonly trigger: Trigger; readonly attempt: number; readonly deadline: number };
};

/** What made an execution begin. */
type Trigger = "cron" | "endpoint" | "event" | "embedded" | "manual" | "api" | "retry" | "replay" | "system";

// storage

/** The tenant's key-value entries. What is written is committed together with the execution's result, or not at all. */
declare const storage: {
  /**
   * The value under a key; `null` where there is none or it has expired.
   * @throws {SkerryError} `capability_denied`
   */
  get<T = any>(key: string): Promise<T | null>;
  /**
   * The values under at most 100 keys, in the order of the keys.
   * @throws {SkerryError} `capability_denied`, `hostcall_limit`
   */
  getMany<T = any>(keys: readonly string[]): Promise<(T | null)[]>;
  /**
   * Write a value. `ttl` is whole seconds from 1; without it the entry stays until it is deleted, also where it had one before.
   * @throws {SkerryError} `capability_denied`, `hostcall_limit`, `quota`
   */
  set(key: string, value: unknown, ttl?: number | { ttl?: number | null } | null): Promise<void>;
  /**
   * Remove an entry. It is no error where there is none.
   * @throws {SkerryError} `capability_denied`
   */
  delete(key: string): Promise<void>;
  /**
   * A page of the entries whose keys begin with a prefix, in the order of the keys; 100 where no limit is given, at most 1 000.
   * @throws {SkerryError} `capability_denied`, `hostcall_limit`
   */
  list<T = any>(query?: string | StorageQuery): Promise<StoragePage<T>>;
  /**
   * Add to a number, which is 0 where there is none. The sum is made at commit, so that increments of one key never conflict.
   * @throws {SkerryError} `capability_denied`
   */
  increment(key: string, by?: number): Promise<void>;
  /**
   * Make durable what was written and published so far. From then on the run is not repeated: a later conflict fails it.
   * @throws {SkerryError} `quota`
   */
  commit(): Promise<void>;
};

/** Which entries `storage.list` answers. */
interface StorageQuery {
  prefix?: string | null;
  /** Where the page before ended: its `cursor`. */
  cursor?: string | null;
  /** From 1 to 1 000. */
  limit?: number;
}

/** A page of entries. */
interface StoragePage<T = any> {
  entries: { key: string; value: T }[];
  /** `null` on the last page. */
  cursor: string | null;
}

// services

/**
 * The operator's services, by name. What the script has not declared is denied.
 * @throws {SkerryError} `capability_denied`, `not_found`, `unavailable`, `conflict`, `hostcall_limit`
 */
declare const services: Services;

/** The services, by name. A tenant's own types name those that there are. */
interface Services {
  readonly [service: string]: Service;
}

/** The methods of a service, by name. */
type Service = { readonly [method: string]: (...values: any[]) => Promise<any> };

// events

/** The tenant's event bus (CloudEvents 1.0). */
declare const events: {
  /**
   * Publish one event. Answers its id; an id that the same script has published already is not published again.
   * @throws {SkerryError} `capability_denied`, `hostcall_limit`
   */
  publish(type: string, data?: unknown, options?: { subject?: string | null; id?: string | null } | null): Promise<string>;
};

// http and fetch

/** Outbound HTTP, through the egress policy. */
declare const http: {
  /**
   * Send a `GET` request.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  get(url: string | URL, options?: HttpOptions | null): Promise<Response>;
  /**
   * Send a `POST` request with data.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  post(url: string | URL, data?: unknown, options?: HttpOptions | null): Promise<Response>;
  /**
   * Send a `PUT` request with data.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  put(url: string | URL, data?: unknown, options?: HttpOptions | null): Promise<Response>;
  /**
   * Send a `PATCH` request with data.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  patch(url: string | URL, data?: unknown, options?: HttpOptions | null): Promise<Response>;
  /**
   * Send a `DELETE` request.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  delete(url: string | URL, options?: HttpOptions | null): Promise<Response>;
  /**
   * Send a request of any method; `GET` where none is given.
   * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
   */
  request(url: string | URL, options?: HttpRequestOptions | null): Promise<Response>;
};

/**
 * Send a request, as the fetch standard has it.
 * @throws {SkerryError} `egress_denied`, `capability_denied`, `hostcall_limit`, `quota`, `unavailable`
 */
declare function fetch(input: string | URL | Request, init?: FetchInit | null): Promise<Response>;

/** Header fields, of which some may be secrets. */
type HttpHeaders = Headers | Iterable<readonly [string, string | Secret]> | { readonly [name: string]: string | Secret };

/** The fields of a form, of which some may be secrets. */
type HttpForm = { readonly [field: string]: string | number | boolean | Secret | undefined };

/** How a request of `http` is sent. */
interface HttpOptions {
  headers?: HttpHeaders | null;
  /** Fields of a form, sent in place of data. Those that are `undefined` are left out. */
  form?: HttpForm;
  /** Whole milliseconds, at most what is left of the execution. */
  timeout?: number | null;
  /** What to do with a redirect; `"follow"` where nothing is said. */
  redirect?: RequestRedirect;
  signal?: AbortSignal | null;
}

/** How `http.request` sends a request. */
interface HttpRequestOptions extends HttpOptions {
  method?: string;
  /** Data, as `http.post` takes it. */
  body?: unknown;
}

/** How `fetch` sends a request. */
interface FetchInit extends Omit<RequestInit, "headers"> {
  headers?: HttpHeaders | null;
  /** Fields of a form, in place of a body. */
  form?: HttpForm;
}

// secrets

/** The tenant's secrets, as far as the script's capabilities and each secret's own record allow. */
declare const secrets: {
  /**
   * The handle of a secret.
   * @throws {SkerryError} `capability_denied`
   */
  get(name: SecretName): Promise<Secret>;
};

/** A handle. It names a secret to the host, which puts the value where it is allowed to go. */
interface Secret {
  /** The secret's name. */
  readonly name: string;
  /** Another handle, whose value is put into `text` in place of its one `{}`: `handle.format("Bearer {}")`. */
  format(text: string): Secret;
  /**
   * The HMAC of data under the secret, made by the host; in hexadecimal where no encoding is given.
   * @throws {SkerryError} `capability_denied`
   */
  hmac(algorithm: SecretHashName, data: string | BufferSource, encoding?: TextEncoding): Promise<string>;
  /**
   * The HMAC of data under the secret, made by the host; in hexadecimal where no encoding is given.
   * @throws {SkerryError} `capability_denied`
   */
  hmac(algorithm: SecretHashName, data: string | BufferSource, encoding: "bytes"): Promise<Uint8Array>;
  /**
   * Whether a signature (bytes, or hexadecimal or Base64 text) is the HMAC of data under the secret. Compared in constant time.
   * @throws {SkerryError} `capability_denied`
   */
  verify(algorithm: SecretHashName, data: string | BufferSource, signature: string | BufferSource): Promise<boolean>;
}

/** The algorithms of a secret's HMAC. */
type SecretHashName = "sha256" | "sha384" | "sha512";

/** The name of a secret. A tenant's own types name those that there are. */
type SecretName = string;

// console

/** The log of the execution. */
declare const console: {
  /** A line of the level `debug`. */
  debug(...values: unknown[]): void;
  /** As `debug`. */
  trace(...values: unknown[]): void;
  /** A line of the level `info`. */
  log(...values: unknown[]): void;
  /** A line of the level `info`. */
  info(...values: unknown[]): void;
  /** A line of the level `warn`. */
  warn(...values: unknown[]): void;
  /** A line of the level `error`. */
  error(...values: unknown[]): void;
  /** A line of the level `error`, where the condition does not hold. */
  assert(condition?: unknown, ...values: unknown[]): void;
  /** One value, as `log` shows it. */
  dir(value?: unknown): void;
  /** As `log`. */
  dirxml(...values: unknown[]): void;
  /** Does nothing: the log stays. */
  clear(): void;
  /** One value, as `log` shows it. */
  table(value?: unknown): void;
  /** How often it was called with this label. */
  count(label?: string): void;
  /** Count from the beginning again. */
  countReset(label?: string): void;
  /** Indent the lines from here on. */
  group(...values: unknown[]): void;
  /** As `group`. */
  groupCollapsed(...values: unknown[]): void;
  /** End the last group. */
  groupEnd(): void;
  /** Begin to measure. The clock moves only while host calls are awaited. */
  time(label?: string): void;
  /** A line with the time since `time`. */
  timeLog(label?: string): void;
  /** A line with the time since `time`, and the end of it. */
  timeEnd(label?: string): void;
};

// utils

/** Hashes, encodings, waiting and dates. */
declare const utils: {
  /** A UUID of version 7: later ones sort after earlier ones. */
  uuid(): string;
  /** The hash of data, in hexadecimal where no encoding is given. */
  hash(algorithm: HashName, data: string | BufferSource, encoding?: TextEncoding): string;
  /** The hash of data, in hexadecimal where no encoding is given. */
  hash(algorithm: HashName, data: string | BufferSource, encoding: "bytes"): Uint8Array;
  /** The HMAC of data. With a secret as key the host makes it, and the answer is a promise. */
  hmac(algorithm: HashName, key: string | BufferSource, data: string | BufferSource, encoding?: TextEncoding): string;
  /** The HMAC of data. With a secret as key the host makes it, and the answer is a promise. */
  hmac(algorithm: HashName, key: string | BufferSource, data: string | BufferSource, encoding: "bytes"): Uint8Array;
  /** The HMAC of data. With a secret as key the host makes it, and the answer is a promise. */
  hmac(algorithm: SecretHashName, key: Secret, data: string | BufferSource, encoding?: TextEncoding): Promise<string>;
  /** The HMAC of data. With a secret as key the host makes it, and the answer is a promise. */
  hmac(algorithm: SecretHashName, key: Secret, data: string | BufferSource, encoding: "bytes"): Promise<Uint8Array>;
  /** Wait. Other calls go on meanwhile. */
  sleep(ms: number): Promise<void>;
  /** Base64, with the alphabets of RFC 4648. */
  readonly base64: Base64;
  /** Dates in time zones. They answer milliseconds, for `new Date(…)`. */
  readonly date: DateTools;
};

/** `utils.base64`. */
interface Base64 {
  /** Bytes as Base64 with padding. */
  encode(data: string | BufferSource): string;
  /** Bytes as Base64 for URLs, without padding. */
  encodeUrl(data: string | BufferSource): string;
  /** The bytes, or the text, behind Base64 in either alphabet, with padding or without. */
  decode(text: string, as?: "bytes"): Uint8Array;
  /** The bytes, or the text, behind Base64 in either alphabet, with padding or without. */
  decode(text: string, as: "text"): string;
}

/** `utils.date`. */
interface DateTools {
  /** The milliseconds of an RFC 3339 text, or of a date, or a date and a time, in the zone. */
  parse(text: string, zone?: string | null): number;
  /** A date in a zone by strftime's pattern; RFC 3339 without a pattern. */
  format(date: DateLike, pattern?: string | null, zone?: string | null): string;
  /** A date later, or earlier for negative amounts. A day is a day of the calendar in the zone, also where the clock changes. */
  add(date: DateLike, amounts: DateAmounts, zone?: string | null): number;
  /** Where the year, month, week (on Monday), day, hour, minute or second of a date begins in the zone. */
  startOf(date: DateLike, unit: DateUnit, zone?: string | null): number;
  /** A date in a zone, taken apart. */
  parts(date: DateLike, zone?: string | null): DateParts;
}

/** The algorithms of `utils.hash` and `utils.hmac`. */
type HashName = "sha1" | "sha256" | "sha384" | "sha512";

/** How bytes are written as text. */
type TextEncoding = "hex" | "base64" | "base64url";

/** A date: a `Date`, milliseconds since 1970, or RFC 3339 text. */
type DateLike = Date | number | string;

/** What `utils.date.startOf` goes back to. */
type DateUnit = "year" | "month" | "week" | "day" | "hour" | "minute" | "second";

/** Whole numbers, also negative ones. */
interface DateAmounts {
  years?: number;
  months?: number;
  weeks?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
}

/** What `utils.date.parts` answers. */
interface DateParts {
  year: number;
  /** From 1. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  millisecond: number;
  /** From 1, which is Monday. */
  weekday: number;
  /** How far the zone is ahead of UTC at that moment. */
  offsetMinutes: number;
  zone: string;
}

// Timers

/** Call a function once, after a delay in milliseconds. */
declare function setTimeout<A extends unknown[]>(callback: (...values: A) => unknown, delay?: number, ...values: A): number;

/** Call a function again and again, until it is cleared or the run ends. */
declare function setInterval<A extends unknown[]>(callback: (...values: A) => unknown, delay?: number, ...values: A): number;

/** Do not call after all. */
declare function clearTimeout(id?: number | null): void;

/** Do not call any more. */
declare function clearInterval(id?: number | null): void;

/** Call a function when the code that runs now is done. */
declare function queueMicrotask(callback: () => unknown): void;

// crypto

/** Random values, drawn from the execution's own seed, and `subtle`. */
declare const crypto: Crypto;

/** What `crypto` is. */
declare class Crypto {
  private constructor();
  readonly subtle: SubtleCrypto;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}

/** Digests and HMAC. */
declare class SubtleCrypto {
  private constructor();
  digest(algorithm: CryptoHash, data: BufferSource): Promise<ArrayBuffer>;
  sign(algorithm: string | { name: string }, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(algorithm: string | { name: string }, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>;
  generateKey(algorithm: HmacParameters, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  importKey(format: "raw", key: BufferSource, algorithm: HmacParameters, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  importKey(format: "jwk", key: JsonWebKey, algorithm: HmacParameters, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
  exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  encrypt(...values: unknown[]): Promise<never>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  decrypt(...values: unknown[]): Promise<never>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  deriveBits(...values: unknown[]): Promise<never>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  deriveKey(...values: unknown[]): Promise<never>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  wrapKey(...values: unknown[]): Promise<never>;
  /** @deprecated Not there: rejects with a `NotSupportedError`. */
  unwrapKey(...values: unknown[]): Promise<never>;
}

/** A key of `crypto.subtle`. */
declare class CryptoKey {
  private constructor();
  readonly type: "secret";
  readonly extractable: boolean;
  readonly algorithm: { readonly name: "HMAC"; readonly length: number; readonly hash: { readonly name: string } };
  readonly usages: KeyUsage[];
}

/** A hash of `crypto.subtle`: `SHA-1`, `SHA-256`, `SHA-384` or `SHA-512`. */
type CryptoHash = string | { name: string };

/** `HMAC` and its hash: which HMAC a key is for. The length is in bits. */
type HmacParameters = { name: string; hash: CryptoHash; length?: number };

/** What a key may do. */
type KeyUsage = "sign" | "verify";

/** A key as JSON (RFC 7517). */
interface JsonWebKey {
  kty?: string;
  k?: string;
  alg?: string;
  use?: string;
  key_ops?: string[];
  ext?: boolean;
}

// Errors as values

/** What a host call rejects with that was refused or failed. One that a script makes itself is a `user_error` where nothing catches it. */
declare class SkerryError extends Error {
  constructor(message?: string, options?: { code?: string; cause?: unknown });
  readonly name: string;
  /** What happened: one of a closed list for errors of the host. */
  readonly code?: SkerryErrorCode | (string & {});
}

/** The error of the web-standard globals; its `name` says which. */
declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly name: string;
  readonly message: string;
  readonly code: number;
}

/** Why a host call failed. */
type SkerryErrorCode =
  | "capability_denied"
  | "egress_denied"
  | "hostcall_limit"
  | "quota"
  | "conflict"
  | "not_found"
  | "unavailable"
  | "unsupported"
  | "other";

// URLs

/** A URL, taken apart. */
declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static parse(url: string | URL, base?: string | URL): URL | null;
  static canParse(url: string | URL, base?: string | URL): boolean;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}

/** The query of a URL, as names and values. */
declare class URLSearchParams {
  constructor(init?: string | URLSearchParams | Iterable<readonly [string, string]> | { readonly [name: string]: string });
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

// Requests and responses

/** Header fields. Names compare without case. */
declare class Headers {
  constructor(init?: HeadersInit | null);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/** What requests and responses have in common: a body that can be read once. */
interface Body {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json<T = any>(): Promise<T>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  formData(): Promise<FormData>;
}

/** A request: one to send, or the one that an endpoint script is given. */
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit | null);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal;
  readonly duplex: "half";
  clone(): Request;
  /** The path parameters of the endpoint, by name. Only the request that an endpoint script is given has them. */
  readonly params: { readonly [name: string]: string };
  /** How the caller was authenticated. Only the request that an endpoint script is given has it. */
  readonly auth: { readonly kind: "public" | "token" | "hmac"; readonly id: string | null };
}
interface Request extends Body {}

/** A response: one that was received, or the answer of an endpoint script. */
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit | null);
  static error(): Response;
  static json(value: unknown, init?: ResponseInit | null): Response;
  static redirect(url: string | URL, status?: 301 | 302 | 303 | 307 | 308): Response;
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
  clone(): Response;
}
interface Response extends Body {}

/** What header fields are made of. */
type HeadersInit = Headers | Iterable<readonly [string, string]> | { readonly [name: string]: string };

/** What a body is made of. */
type BodyInit = string | BufferSource | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array>;

/** Bytes. */
type BufferSource = ArrayBuffer | ArrayBufferView;

/** What to do with a redirect. */
type RequestRedirect = "follow" | "manual" | "error";

/** How a `Request` is made. */
interface RequestInit {
  method?: string;
  headers?: HeadersInit | null;
  body?: BodyInit | null;
  redirect?: RequestRedirect;
  signal?: AbortSignal | null;
  duplex?: "half";
}

/** How a `Response` is made. */
interface ResponseInit {
  /** From 200 to 599. */
  status?: number;
  statusText?: string;
  headers?: HeadersInit | null;
}

// Blobs, forms and streams

/** Bytes with a type. */
declare class Blob {
  constructor(parts?: Iterable<BlobPart>, options?: BlobOptions);
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, type?: string): Blob;
  stream(): ReadableStream<Uint8Array>;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
}

/** A blob with a name. */
declare class File extends Blob {
  constructor(parts: Iterable<BlobPart>, name: string, options?: BlobOptions & { lastModified?: number });
  readonly name: string;
  readonly lastModified: number;
  readonly webkitRelativePath: string;
}

/** The fields of a form, sent as `multipart/form-data`. */
declare class FormData {
  constructor();
  append(name: string, value: string): void;
  append(name: string, value: Blob, fileName?: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  set(name: string, value: Blob, fileName?: string): void;
  forEach(callback: (value: string | File, name: string, form: FormData) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string | File]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string | File>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

/** Chunks that come one after another. */
declare class ReadableStream<T = any> {
  constructor(source?: ReadableStreamSource<T>, strategy?: { highWaterMark?: number; size?: (chunk: T) => number });
  static from<T>(chunks: Iterable<T | PromiseLike<T>> | AsyncIterable<T>): ReadableStream<T>;
  readonly locked: boolean;
  cancel(reason?: any): Promise<void>;
  getReader(): ReadableStreamDefaultReader<T>;
  tee(): [ReadableStream<T>, ReadableStream<T>];
  values(options?: { preventCancel?: boolean }): AsyncIterableIterator<T>;
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): AsyncIterableIterator<T>;
}

/** Reads a stream, alone. */
declare class ReadableStreamDefaultReader<T = any> {
  constructor(stream: ReadableStream<T>);
  readonly closed: Promise<undefined>;
  read(): Promise<{ value: T; done: false } | { value: undefined; done: true }>;
  cancel(reason?: any): Promise<void>;
  releaseLock(): void;
}

/** Fills a stream. */
declare class ReadableStreamDefaultController<T = any> {
  private constructor();
  readonly desiredSize: number | null;
  close(): void;
  enqueue(chunk: T): void;
  error(error?: any): void;
}

/** Counts the chunks that wait in a stream. */
declare class CountQueuingStrategy {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk?: any) => number;
}

/** Counts the bytes that wait in a stream. */
declare class ByteLengthQueuingStrategy {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk?: any) => number;
}

/** What a blob is made of. */
type BlobPart = string | BufferSource | Blob;

/** How a `Blob` is made. */
interface BlobOptions {
  type?: string;
  endings?: "transparent" | "native";
}

/** Where a stream's chunks come from. */
interface ReadableStreamSource<T = any> {
  start?(controller: ReadableStreamDefaultController<T>): unknown;
  pull?(controller: ReadableStreamDefaultController<T>): unknown;
  cancel?(reason?: any): unknown;
}

// Other web standards

/** Has listeners. */
declare class EventTarget {
  constructor();
  addEventListener(type: string, listener: EventListener | null, options?: boolean | EventListenerOptions): void;
  removeEventListener(type: string, listener: EventListener | null, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}

/** What listeners are told. */
declare class Event {
  constructor(type: string, init?: EventInit);
  readonly type: string;
  readonly target: EventTarget | null;
  readonly srcElement: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly eventPhase: number;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly defaultPrevented: boolean;
  readonly composed: boolean;
  readonly timeStamp: number;
  readonly isTrusted: boolean;
  cancelBubble: boolean;
  returnValue: boolean;
  composedPath(): EventTarget[];
  stopPropagation(): void;
  stopImmediatePropagation(): void;
  preventDefault(): void;
  /** @deprecated Pass the type to the constructor. */
  initEvent(type: string, bubbles?: boolean, cancelable?: boolean): void;
}

/** An event with data of the script's own. */
declare class CustomEvent<T = any> extends Event {
  constructor(type: string, init?: EventInit & { detail?: T });
  readonly detail: T;
}

/** Gives up calls. */
declare class AbortController {
  constructor();
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}

/** Says that a call is given up. */
declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: any): AbortSignal;
  static timeout(ms: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: Event) => unknown) | null;
  throwIfAborted(): void;
}

/** Text as bytes of UTF-8. */
declare class TextEncoder {
  constructor();
  readonly encoding: string;
  encode(text?: string): Uint8Array;
  encodeInto(text: string, destination: Uint8Array): { read: number; written: number };
}

/** Bytes as text. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: BufferSource, options?: { stream?: boolean }): string;
}

/** Decode Base64 to text of one byte a character. */
declare function atob(text: string): string;

/** Encode text of one byte a character as Base64. */
declare function btoa(text: string): string;

/** A deep copy, also of maps, sets, dates, errors and cycles. */
declare function structuredClone<T>(value: T, options?: { transfer?: readonly ArrayBuffer[] }): T;

/** The clock of the execution. */
declare const performance: {
  /** Milliseconds since the execution began. They pass only while host calls are awaited. */
  now(): number;
  /** When the execution began, in Unix milliseconds. */
  readonly timeOrigin: number;
  toJSON(): { timeOrigin: number };
};

/** Write an error to the log, as one that nothing caught. */
declare function reportError(error: unknown): void;

/** What a script runs in. */
declare const navigator: {
  readonly userAgent: "Skerry";
};

/** `globalThis`. */
declare const self: typeof globalThis;

/** Always throws, with what to write in place of it: a script is a module and has no global events. */
declare function addEventListener(type: string, ...values: unknown[]): never;

/** What an `EventTarget` calls. */
type EventListener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

/** How an `Event` is made. */
interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

/** When a listener is called, and until when it is there. */
interface EventListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: AbortSignal;
}
