// Calls of this server's API with the page's session: JSON there and back, problems by RFC 9457.

/** What is wrong with one field. */
export interface FieldError {
    field: string;
    message: string;
}

/** A refusal, as the API answers it. */
export interface Problem {
    status: number;
    /** The stable word for the kind. */
    code: string;
    title: string;
    detail: string;
    errors: FieldError[];
    /** Everything that the problem says, with its extension members. */
    members: Record<string, unknown>;
}

/** What became of a call. */
export type Answer =
    | { kind: "done"; status: number; value: unknown; etag: string | null; headers: Headers }
    | { kind: "refused"; problem: Problem }
    /** Nobody answered: the server is away, or the network. */
    | { kind: "lost" };

/** What a call has beside its method and address. */
export interface CallOptions {
    /** Sent as JSON; nothing is sent where it is left out. */
    body?: unknown;
    /** The tag of what is to be changed, with its quotes. */
    etag?: string | undefined;
    /** Makes the server do it once, however often it is sent. */
    idempotencyKey?: string | undefined;
    headers?: Record<string, string>;
    signal?: AbortSignal;
}

/** Calls an address of this server. Never throws: what went wrong is an answer too. */
export async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const headers = new Headers({ Accept: "application/json", ...options.headers });
    const init: RequestInit = { method, headers, credentials: "same-origin", redirect: "error" };
    if (options.signal) init.signal = options.signal;
    if (options.body !== undefined) {
        headers.set("Content-Type", method === "PATCH" ? "application/merge-patch+json" : "application/json");
        init.body = JSON.stringify(options.body);
    }
    if (options.etag) headers.set("If-Match", options.etag);
    if (options.idempotencyKey) headers.set("Idempotency-Key", options.idempotencyKey);
    try {
        return await read(await fetch(path, init));
    } catch {
        return { kind: "lost" };
    }
}

/** A value that no other call has: for `Idempotency-Key`, also where the page is not served by https. */
export function uniqueKey(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function read(response: Response): Promise<Answer> {
    const text = await response.text();
    const isJson = /\bjson\b/.test(response.headers.get("Content-Type") ?? "");
    let value: unknown = text;
    if (isJson) {
        try {
            value = JSON.parse(text);
        } catch {
            value = null;
        }
    }
    if (response.ok) {
        return { kind: "done", status: response.status, value, etag: response.headers.get("ETag"), headers: response.headers };
    }
    return { kind: "refused", problem: problemOf(response.status, value) };
}

/** The problem that an answer's body describes; a proxy's own page is described by its status. */
export function problemOf(status: number, body: unknown): Problem {
    const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
    const word = (name: string, otherwise: string): string => (typeof members[name] === "string" ? members[name] : otherwise);
    const errors = Array.isArray(members["errors"]) ? members["errors"].filter(isFieldError) : [];
    return {
        status,
        code: word("code", "unknown"),
        title: word("title", `The server answered ${status}`),
        detail: word("detail", `The server answered ${status}, and did not say why.`),
        errors,
        members,
    };
}

function isFieldError(value: unknown): value is FieldError {
    const error = value as Partial<FieldError> | null;
    return typeof error?.field === "string" && typeof error.message === "string";
}
