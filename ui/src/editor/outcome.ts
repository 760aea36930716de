// What a run came to: the state in a sentence, result or error, log, host calls on one time axis, and how much of each limit
// was used. Shared by test runs and replays.

import type { Diagnostic } from "./api.ts";
import { badge, element, type Meaning } from "./dom.ts";
import { jsonView } from "../tree.ts";
import type { Limits } from "./page.ts";
import { about, bytes, duration, shown } from "./plain.ts";

/** Why a run has no result. */
export interface Failure {
    kind: string;
    name: string;
    message: string;
    /** The frames in the author's positions, one a line. */
    stack: string;
}

export interface LogLine {
    level: "debug" | "info" | "warn" | "error";
    message: string;
    arguments?: unknown[];
    offset_ms: number;
}

/** A host call. */
export interface HostCall {
    number: number;
    name: string;
    started_us: number;
    answered_us: number | null;
    bytes_asked: number;
    bytes_answered: number | null;
    error: string | null;
    asked: unknown;
    answered: unknown;
}

/** What a test run came to. */
export interface TestRun {
    status: "success" | "failed" | "timeout" | "cancelled";
    result: unknown;
    error: Failure | null;
    logs: LogLine[];
    calls: HostCall[];
    warnings: Diagnostic[];
    capabilities_needed: Capabilities | null;
    fuel: number;
    peak_memory_bytes: number;
    host_calls: number;
    duration_us: number;
}

/** What a script may reach. */
export interface Capabilities {
    storage_prefixes: string[] | null;
    event_types: string[] | null;
    services: string[];
    hosts: string[];
    secrets: string[];
}

/** A place in the source, from 1. */
export interface Place {
    line: number;
    column: number;
}

/** Where the author's code failed: its first frame. */
export function placeOf(failure: Failure): Place | null {
    const frame = failure.stack.match(/:(\d+):(\d+)\)?\s*$/m);
    return frame ? { line: Number(frame[1]), column: Number(frame[2]) } : null;
}

const MEANINGS: Record<TestRun["status"], [Meaning, string]> = {
    success: ["success", "Success"],
    failed: ["failed", "Failed"],
    timeout: ["limit", "Timeout"],
    cancelled: ["neutral", "Cancelled"],
};

/** One sentence: how it ended, after how long, and where. */
export function headline(run: TestRun, open: (place: Place) => void): HTMLElement {
    const [meaning, word] = MEANINGS[run.status];
    const line = element("p", { class: "outcome" }, badge(meaning, word), ` after ${duration(run.duration_us)}`);
    if (run.error) line.append(": ", ...failureWords(run.error, open));
    return line;
}

/** The error and the place that it names, which leads there. */
export function failureWords(failure: Failure, open: (place: Place) => void): Node[] {
    const words: Node[] = [element("code", {}, shown(`${failure.name}: ${failure.message}`))];
    const place = placeOf(failure);
    if (place) {
        const button = element("button", { type: "button", class: "link" }, `line ${place.line}`);
        button.addEventListener("click", () => open(place));
        words.push(document.createTextNode(" at "), button);
    }
    return words;
}

/** A part of the outcome with its heading. */
export function part(title: string, ...children: (Node | string | null)[]): HTMLElement {
    const id = `outcome-${title.toLowerCase().replace(/\W+/g, "-")}`;
    const heading = element("h3", { id }, title);
    return element("section", { class: "outcome-part", "aria-labelledby": id }, heading, ...children);
}

/** The result: of an endpoint the response, else the value. */
export function resultPart(result: unknown, isEndpoint: boolean): HTMLElement {
    if (isEndpoint && isResponse(result)) return responsePart(result);
    return part("Result", jsonView(result, { label: "Result" }));
}

interface ShownResponse {
    status: number;
    headers: [string, string][];
    body?: string;
    body_base64?: string;
}

function isResponse(result: unknown): result is ShownResponse {
    return result !== null && typeof result === "object" && "status" in result && "headers" in result;
}

function responsePart({ status, headers, body, body_base64 }: ShownResponse): HTMLElement {
    const rows = headers.flatMap(([name, value]) => [element("dt", {}, shown(name)), element("dd", { class: "mono" }, shown(value))]);
    const kind = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
    const text = body ?? "";
    const content = body_base64 !== undefined
        ? element("p", { class: "muted" }, `${bytes(Math.floor((body_base64.length * 3) / 4))} that are no text.`)
        : text === "" ? element("p", { class: "muted" }, "No body.")
        : kind.includes("json") ? bodyView(text)
        : element("pre", { class: "code", tabindex: 0, "aria-label": "Body" }, shown(text));
    const meaning = status < 400 ? "success" : "failed";
    return part(
        "Response",
        element("p", {}, badge(meaning, String(status))),
        rows.length > 0 ? element("details", { class: "more" }, element("summary", {}, `${headers.length} headers`), element("dl", { class: "facts" }, ...rows)) : null,
        content,
    );
}

/** A body that says it is JSON; as text, where it is none. */
function bodyView(text: string): HTMLElement {
    try {
        return jsonView(JSON.parse(text), { text, label: "Body" });
    } catch {
        return element("pre", { class: "code", tabindex: 0, "aria-label": "Body" }, shown(text));
    }
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** The log, with a choice of levels. */
export function logPart(lines: LogLine[]): HTMLElement {
    if (lines.length === 0) return part("Log", element("p", { class: "muted" }, "Nothing was logged."));
    const list = element("div", { class: "log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Log" }, ...lines.map(logLine));
    const levels = LEVELS.filter((level) => lines.some((line) => line.level === level));
    const buttons = levels.map((level) => {
        const button = element("button", { type: "button", class: "button small", "aria-pressed": "true" }, level);
        button.addEventListener("click", () => {
            const isShown = button.getAttribute("aria-pressed") !== "true";
            button.setAttribute("aria-pressed", String(isShown));
            for (const line of list.querySelectorAll<HTMLElement>(`.line.${level}`)) line.hidden = !isShown;
        });
        return button;
    });
    const filter = buttons.length > 1 ? element("div", { class: "button-group", role: "group", "aria-label": "Levels of the log" }, ...buttons) : null;
    return part("Log", filter, list);
}

/** A line of a log; what was logged beside text opens below it. */
export function logLine(line: LogLine): HTMLElement {
    const objects = (line.arguments ?? []).filter((argument) => argument !== null && typeof argument === "object");
    const values = objects.map((value) => jsonView(value, { label: "Logged value" }));
    const more = values.length > 0 ? element("details", { class: "more" }, element("summary", {}, "Values"), ...values) : null;
    return element(
        "div",
        { class: `line ${line.level}` },
        element("span", { class: "at num" }, `${line.offset_ms} ms`),
        element("span", { class: "level" }, line.level),
        element("span", { class: "message" }, shown(line.message), more),
    );
}

/** Host calls as bars on one time axis. */
export function callsPart(calls: HostCall[], total_us: number): HTMLElement {
    if (calls.length === 0) return part("Host calls", element("p", { class: "muted" }, "It called nothing outside itself."));
    const end = Math.max(total_us, 1, ...calls.map((call) => call.answered_us ?? call.started_us));
    const ticks = element("span", { class: "ticks num" }, element("span", {}, "0"), element("span", {}, duration(end / 2)), element("span", {}, duration(end)));
    const scale = element("div", { class: "wscale" }, element("span", {}, "Call"), ticks, element("span", { class: "num" }, "Took"));
    return part("Host calls", element("div", { class: "waterfall" }, scale, ...calls.map((call) => callRow(call, end))));
}

function callRow(call: HostCall, end: number): HTMLElement {
    const took = (call.answered_us ?? end) - call.started_us;
    const bar = element("span", { class: `wbar ${call.error ? "failed" : ""}` });
    bar.style.setProperty("--from", String(call.started_us / end));
    bar.style.setProperty("--part", String(took / end));
    const summary = element(
        "summary",
        {},
        element("span", { class: "what mono", title: call.name }, shown(call.name)),
        element("span", { class: "wtrack" }, bar),
        element("span", { class: "took num" }, duration(took)),
    );
    const ended = call.error
        ? element("p", {}, "Refused: ", element("code", {}, call.error))
        : element("p", { class: "muted" }, call.answered_us === null ? "It was not answered." : `Answered with ${bytes(call.bytes_answered ?? 0)}.`);
    const value = (title: string, value: unknown) =>
        value === undefined || value === null ? null : element("div", { class: "stack tight" }, element("h4", {}, title), jsonView(value, { label: title }));
    return element("details", {}, summary, element("div", { class: "stack" }, ended, value("Asked", call.asked), value("Answered", call.answered)));
}

/** How much of each limit was used. */
export function limitsPart(run: TestRun, limits: Limits): HTMLElement {
    const rows = [
        meter("Time", run.duration_us, limits.wall_time_ms * 1_000, duration),
        meter("Fuel", run.fuel, limits.fuel, about),
        meter("Memory", run.peak_memory_bytes, limits.memory_bytes, bytes),
        meter("Host calls", run.host_calls, limits.host_calls, String),
        meter("Log lines", run.logs.length, limits.log_lines, String),
    ];
    return part("Limits", element("div", { class: "meters" }, ...rows));
}

/** A bar with its numbers. Near its limit it has another colour, and says so. */
export function meter(name: string, value: number, limit: number, words: (value: number) => string): HTMLElement {
    const share = limit > 0 ? Math.min(value / limit, 1) : 0;
    const fill = element("span", { class: "fill" });
    fill.style.setProperty("--part", String(share));
    const word = share >= 1 ? "Used up" : share >= 0.8 ? "Nearly used up" : null;
    return element(
        "div",
        { class: `meter ${share >= 1 ? "failed" : share >= 0.8 ? "limit" : ""}` },
        element("span", {}, name),
        element("span", { class: "value num" }, `${words(value)} of ${words(limit)}`),
        element("span", { class: "track", "aria-hidden": "true" }, fill),
        word ? element("span", { class: "word" }, word) : null,
    );
}
