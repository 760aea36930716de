// What the server says of the script that is edited: the page's `data-state`.

import { maybe } from "./dom.ts";

export type Language = "javascript" | "typescript";
export type Kind = "cron" | "endpoint" | "event" | "embedded" | "one_off";

/** Limits of one execution; of a script's own, and where it has none the system's. */
export interface Limits {
    fuel: number;
    wall_time_ms: number;
    memory_bytes: number;
    host_calls: number;
    outbound_requests: number;
    log_lines: number;
}

/** What the page is about. */
export interface PageState {
    script: { id: string; name: string; kind: Kind; language: Language };
    tenant: string;
    user: string;
    source: string;
    /** The draft's revision, from 1. */
    revision: number;
    /** The number of the version that runs. */
    deployed: number | null;
    limits: Limits;
    may: { write: boolean; deploy: boolean; inspect: boolean; read_executions: boolean };
    /** An input that fits the script's kind, as JSON. */
    example: string;
    /** The execution whose journal the source is to be run against. */
    replay: { execution: string; version: number | null } | null;
    /** Where to put the cursor, from 1. */
    line: number | null;
}

/** The state of the editor's page, or nothing on another page. */
export function pageState(): PageState | null {
    const root = maybe("editor");
    return root ? (JSON.parse(root.dataset["state"] ?? "null") as PageState | null) : null;
}

/** The tag of a draft's revision. */
export function tagOf(revision: number): string {
    return `"${revision}"`;
}

/** The revision of a tag. */
export function revisionOf(tag: string | null): number | null {
    const digits = tag?.match(/^"(\d+)"$/)?.[1];
    return digits ? Number(digits) : null;
}

/** Below this width the editor is no help: the page says so, and shows the source to read. */
export const EDITOR_WIDTH_MIN = 700;
