// Requests of the editor to the API, with the session's cookie. Every answer is a value: a refusal is what happens all day
// in an editor, and no exception.

/** A field that the API refuses. */
export interface FieldError {
    field: string;
    message: string;
}

/** A finding of the compiler, in the author's positions. */
export interface Diagnostic {
    severity: "error" | "warning";
    message: string;
    advice: string | null;
    /** From 1. */
    line: number;
    /** In UTF-16 code units, from 1. */
    column: number;
}

/** Why something was not done (RFC 9457). */
export interface Problem {
    /** 0 where no server answered. */
    status: number;
    code: string;
    detail: string;
    errors?: FieldError[];
    diagnostics?: Diagnostic[];
}

export type Answer<Value> =
    | { ok: true; value: Value; etag: string | null }
    | { ok: false; problem: Problem; etag: string | null };

export interface Request {
    method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    body?: unknown;
    /** A body that is JSON already. */
    json?: string;
    ifMatch?: string;
    signal?: AbortSignal;
}

const UNREACHABLE: Problem = {
    status: 0,
    code: "unreachable",
    detail: "The server did not answer. What you typed is still here.",
};

/** Ask the API. */
export async function ask<Value>(path: string, request: Request = {}): Promise<Answer<Value>> {
    const headers: Record<string, string> = { accept: "application/json" };
    const body = request.json ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
    if (body !== undefined) headers["content-type"] = "application/json";
    if (request.ifMatch) headers["if-match"] = request.ifMatch;
    let response: Response;
    let text: string;
    try {
        const method = request.method ?? "GET";
        response = await fetch(path, { method, headers, body: body ?? null, signal: request.signal ?? null });
        text = await response.text();
    } catch (error) {
        const stopped = error instanceof DOMException && error.name === "AbortError";
        const problem = stopped ? { status: 0, code: "stopped", detail: "It was stopped." } : UNREACHABLE;
        return { ok: false, problem, etag: null };
    }
    const etag = response.headers.get("etag");
    if (response.ok) return { ok: true, value: read<Value>(text), etag };
    return { ok: false, problem: problemOf(response.status, text), etag };
}

/** The text of an answer that is no JSON. */
export async function askText(path: string): Promise<string | null> {
    try {
        const response = await fetch(path);
        return response.ok ? await response.text() : null;
    } catch {
        return null;
    }
}

function read<Value>(text: string): Value {
    return (text === "" ? null : JSON.parse(text)) as Value;
}

function problemOf(status: number, text: string): Problem {
    try {
        const problem = JSON.parse(text) as Partial<Problem>;
        const detail = problem.detail ?? `The server answered ${status}.`;
        return { ...problem, status, code: problem.code ?? "unknown", detail };
    } catch {
        return { status, code: "unknown", detail: `The server answered ${status}.` };
    }
}

/** The problem in words that say what to do, where the API's own do not. */
export function inWords(problem: Problem): string {
    switch (problem.code) {
        case "unauthenticated":
            return "You are signed out. Sign in in another tab, then try again: nothing that you typed is lost.";
        case "not_found":
            return "The script is not there any more. Copy what you need: nothing can be saved here.";
        case "overloaded":
            return "The server has too much to do. Try again in a moment.";
        default:
            return sentence(problem.detail);
    }
}

/** A text with a capital at its beginning and a full stop at its end. */
export function sentence(text: string): string {
    const trimmed = text.trim();
    if (trimmed === "") return trimmed;
    const begun = trimmed[0]!.toUpperCase() + trimmed.slice(1);
    return /[.!?…:]$/.test(begun) ? begun : `${begun}.`;
}
