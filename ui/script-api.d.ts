// The script API, version 1. Every global that a script sees beside JavaScript's own; see docs/script-api.md.

/** A JSON value. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Who runs, for whom, and until when. Frozen. */
declare const context: {
  readonly tenant: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly email: string; readonly name: string } | null;
  readonly script: { readonly id: string; readonly name: string; readonly kind: ScriptKind; readonly version: number };
  readonly execution: {
    readonly id: string;
    readonly trigger: "cron" | "endpoint" | "event" | "embedded" | "manual" | "api" | "retry" | "replay" | "system";
    readonly attempt: number;
    /** Unix time in milliseconds. */
    readonly deadline: number;
  };
};

type ScriptKind = "cron" | "endpoint" | "event" | "embedded" | "one_off";

/** The tenant's key-value entries. Written together with the execution's result, or not at all. */
declare const storage: {
  /** Answers `null` for what is absent or expired. */
  get<T = Json>(key: string): Promise<T | null>;
  /** At most 100 keys; answers in their order. */
  getMany<T = Json>(keys: readonly string[]): Promise<(T | null)[]>;
  /** `ttl` is whole seconds from 1; without it the entry stays. */
  set(key: string, value: unknown, ttl?: number | { ttl?: number }): Promise<void>;
  delete(key: string): Promise<void>;
  list<T = Json>(
    query: string | { prefix?: string; cursor?: string | null; limit?: number },
  ): Promise<{ entries: { key: string; value: T }[]; cursor: string | null }>;
  /** Applied at commit, so that increments of one key never conflict. */
  increment(key: string, by?: number): Promise<void>;
  /** Make durable what is buffered so far. From then on the run is not repeated. */
  commit(): Promise<void>;
};

/** The operator's services, by name; each method answers a promise. What the script has not declared is denied. */
declare const services: { readonly [service: string]: { readonly [method: string]: (...values: any[]) => Promise<any> } };

/** The tenant's event bus (CloudEvents 1.0). */
declare const events: {
  /** Answers the event's id. */
  publish(type: string, data: unknown, options?: { subject?: string; id?: string }): Promise<string>;
};

/** What a failed host call rejects with. */
declare class SkerryError extends Error {
  readonly code:
    | "capability_denied" | "egress_denied" | "hostcall_limit" | "quota" | "conflict" | "not_found" | "unavailable"
    | "unsupported" | "other";
}

declare const console: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  log(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

declare const utils: {
  /** A UUID of version 7. */
  uuid(): string;
  hash(algorithm: HashName, data: string | Uint8Array, encoding?: "hex" | "base64"): string;
  hmac(algorithm: HashName, key: string | Uint8Array, data: string | Uint8Array, encoding?: "hex" | "base64"): string;
  sleep(ms: number): Promise<void>;
  readonly base64: {
    encode(data: string | Uint8Array): string;
    encodeUrl(data: string | Uint8Array): string;
    decode(text: string, as?: "bytes"): Uint8Array;
    decode(text: string, as: "text"): string;
  };
};

type HashName = "sha1" | "sha256" | "sha384" | "sha512";

/** A request to an endpoint script. */
interface Request {
  /** The path parameters of the endpoint, by name. */
  readonly params: { readonly [name: string]: string };
  /** How the caller was authenticated. */
  readonly auth: { readonly kind: "public" | "token"; readonly id: string | null };
}
