// What a form's controls say, as JSON. No page is needed here: the controls are read elsewhere.

/** How a control's text becomes a value; `data-as` names it. */
export const KINDS = [
    "text",
    "number",
    "json",
    "boolean",
    "list",
    "lines",
    "words",
    "pairs",
    "seconds",
    "minutes",
    "hours",
    "days",
    "kibibytes",
    "mebibytes",
    "moment",
] as const;

export type FieldKind = (typeof KINDS)[number];

/** What one control says. */
export interface Entry {
    /** Where its value belongs: `limits.fuel` is the member `fuel` of the member `limits`. */
    name: string;
    as: FieldKind;
    /** Its text; for boxes whether it is ticked; for lists the texts. */
    value: string | boolean | string[];
    /** What an empty one becomes. */
    empty: "left-out" | "null" | "kept";
}

/** A text that is not of its field's kind. */
export class Unreadable extends Error {
    constructor(
        readonly field: string,
        message: string,
    ) {
        super(message);
    }
}

/** How much of the API's unit one of the form's is. The API counts milliseconds and bytes. */
const SCALES: Partial<Record<FieldKind, number>> = {
    seconds: 1_000,
    minutes: 60_000,
    hours: 3_600_000,
    days: 86_400_000,
    kibibytes: 1_024,
    mebibytes: 1_048_576,
};

/**
 * The JSON object that the controls describe, over its constant members.
 *
 * @throws {Unreadable} for text that is no number or no JSON
 */
export function assemble(entries: Entry[], constant: Record<string, unknown> = {}): Record<string, unknown> {
    const body = structuredClone(constant);
    for (const entry of entries) {
        const value = valueOf(entry);
        if (value !== undefined) put(body, entry.name.split("."), value);
    }
    return body;
}

/** The value of one control; undefined where it is to be left out. */
export function valueOf({ name, as, value, empty }: Entry): unknown {
    if (typeof value === "boolean") return value;
    if (Array.isArray(value)) return value;
    const text = as === "text" || as === "json" ? value : value.trim();
    if (as === "list" || as === "lines" || as === "words") return listOf(as, text, empty);
    if (text.trim() === "") return empty === "null" ? null : empty === "kept" ? emptyOf(as) : undefined;
    if (as === "text") return text;
    if (as === "boolean") return text === "true" || text === "on";
    if (as === "json") return jsonOf(name, text);
    if (as === "pairs") return pairsOf(name, text);
    if (as === "moment") return momentOf(name, text);
    return numberOf(name, text) * (SCALES[as] ?? 1);
}

function emptyOf(as: FieldKind): unknown {
    return as === "pairs" ? {} : as === "text" ? "" : null;
}

function listOf(as: FieldKind, text: string, empty: Entry["empty"]): unknown {
    const parts = as === "words" ? text.split(/[\s,]+/) : text.split("\n");
    const list = parts.map((part) => part.trim()).filter((part) => part !== "");
    if (list.length > 0 || empty === "kept") return list;
    return empty === "null" ? null : undefined;
}

function numberOf(name: string, text: string): number {
    const number = Number(text.replace(/(?<=\d)[\s_](?=\d)/g, ""));
    if (!Number.isFinite(number)) throw new Unreadable(name, "This is not a number.");
    return number;
}

function jsonOf(name: string, text: string): unknown {
    try {
        return JSON.parse(text);
    } catch (error) {
        const why = error instanceof Error ? error.message : "";
        throw new Unreadable(name, `This is not JSON: ${why}`);
    }
}

/** Lines of `name: value`, as an object. */
function pairsOf(name: string, text: string): Record<string, string> {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const pairs = lines.map((line) => {
        const at = line.indexOf(":");
        if (at < 1) throw new Unreadable(name, `Write each line as 'name: value'; this one is not: ${line.trim()}`);
        return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
    });
    return Object.fromEntries(pairs);
}

/** A day and time of the browser's zone, as the API has moments. */
function momentOf(name: string, text: string): string {
    const moment = new Date(text);
    if (Number.isNaN(moment.getTime())) throw new Unreadable(name, "This is not a day and a time.");
    return moment.toISOString();
}

/** Sets a member below others, which are made where they are missing. */
function put(into: Record<string, unknown>, path: string[], value: unknown): void {
    const [first, ...rest] = path;
    if (first === undefined || first === "__proto__") return;
    if (rest.length === 0) {
        into[first] = value;
        return;
    }
    const below = Object.hasOwn(into, first) ? into[first] : undefined;
    const object = typeof below === "object" && below !== null ? (below as Record<string, unknown>) : {};
    into[first] = object;
    put(object, rest, value);
}

/** The entries that say something else than they did. An emptied one says so: it is null, or its kind's empty value. */
export function changed(before: Entry[], now: Entry[]): Entry[] {
    const known = new Map(before.map((entry) => [entry.name, JSON.stringify(entry.value)]));
    return now
        .filter((entry) => known.get(entry.name) !== JSON.stringify(entry.value))
        .map((entry) => (entry.empty === "left-out" ? { ...entry, empty: "null" } : entry));
}

/**
 * The control that an error of the API belongs to: the one with the field's name, else the nearest above it
 * (`scopes[0]` → `scopes`), else the first below it (`retry` → `retry.attempts`).
 */
export function controlOf(field: string, names: string[]): string | undefined {
    const path = field.replace(/\[(\d+)\]/g, ".$1");
    if (names.includes(path)) return path;
    const above = names.filter((name) => path.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
    return above ?? names.find((name) => name.startsWith(`${path}.`));
}

/** Fills `{name}` from a value's members, by dotted path. What is missing becomes nothing. */
export function fill(template: string, value: unknown, encode: (text: string) => string = (text) => text): string {
    return template.replace(/\{([\w.]+)\}/g, (_, path: string) => {
        const found = memberOf(value, path);
        return found === undefined || found === null ? "" : encode(String(found));
    });
}

/** The member of a value at a dotted path. */
export function memberOf(value: unknown, path: string): unknown {
    return path.split(".").reduce<unknown>((within, name) => {
        if (typeof within !== "object" || within === null || !Object.hasOwn(within, name)) return undefined;
        return (within as Record<string, unknown>)[name];
    }, value);
}

/** The API's details begin in lower case, since programs put them behind a colon; here they are sentences. */
export function sentence(text: string): string {
    const first = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.?!:…]$/.test(first) || first === "" ? first : `${first}.`;
}
