// JSON as a tree that opens and closes, beside its text: `<pre data-json>`.

import { each, icon, make } from "./dom.ts";
import { pretty, summary } from "./json-text.ts";

/** Values with more members than this show the rest when asked. */
const MOST_MEMBERS = 200;

/** Texts longer than this are cut in the tree; their text has all of it. */
const LONGEST_TEXT = 2_000;

/** Larger texts stay texts. */
const LARGEST_TREE = 2_000_000;

/** Puts a tree in the place of each JSON text. */
export function startTrees(): void {
    each<HTMLPreElement>("[data-json]", (pre) => {
        const text = pre.textContent;
        if (text.length > LARGEST_TREE) return;
        const written = pretty(text);
        if (written !== null) pre.replaceWith(jsonView(JSON.parse(text), { text: written, ...(pre.id && { id: pre.id }) }));
    });
}

/** A value as a tree, with a bar: tree or text, and copy. Used by the editor too. */
export function jsonView(value: unknown, options: { text?: string; id?: string; label?: string } = {}): HTMLElement {
    const text = options.text ?? JSON.stringify(value, null, 2) ?? "undefined";
    const raw = make("pre", { class: "code", tabindex: "0" }, text);
    if (options.id) raw.id = options.id;
    const tree = make("div", { class: "tree", tabindex: "0", role: "group", "aria-label": options.label ?? "Value" }, nodeOf(null, value, 0));
    const isNested = typeof value === "object" && value !== null && Object.keys(value).length > 0;
    raw.hidden = isNested;
    tree.hidden = !isNested;
    const copy = make("button", { type: "button", class: "button quiet small icon-only", "data-copy": text, title: "Copy", "aria-label": "Copy" }, icon("copy"));
    const bar = make("div", { class: "json-bar" }, make("span", {}, summary(value)));
    if (isNested) bar.append(switchOf(tree, raw));
    bar.append(copy);
    return make("div", { class: "json" }, bar, tree, raw);
}

function switchOf(tree: HTMLElement, raw: HTMLElement): HTMLButtonElement {
    const button = make("button", { type: "button", class: "button quiet small", "aria-pressed": "false" }, "Raw");
    button.addEventListener("click", () => {
        const isRaw = !tree.hidden;
        tree.hidden = isRaw;
        raw.hidden = !isRaw;
        button.setAttribute("aria-pressed", String(isRaw));
    });
    return button;
}

function nodeOf(key: string | null, value: unknown, depth: number): HTMLElement {
    const label = key === null ? [] : [make("span", { class: "key" }, key), make("span", { class: "mark" }, ": ")];
    if (typeof value !== "object" || value === null) return make("div", { class: "leaf" }, ...label, leafOf(value));
    const members = Object.entries(value);
    const [opening, closing] = Array.isArray(value) ? "[]" : "{}";
    if (members.length === 0) return make("div", { class: "leaf" }, ...label, make("span", { class: "mark" }, `${opening}${closing}`));
    const mark = make("span", { class: "mark" }, `${opening} ${summary(value)} ${closing}`);
    const details = make("details", {}, make("summary", {}, ...label, mark));
    // Made when it is opened: a large value costs what is looked at.
    const fillIn = (): void => {
        if (details.childElementCount > 1) return;
        details.append(membersOf(members, depth + 1));
    };
    details.addEventListener("toggle", fillIn);
    if (depth === 0 || (depth < 3 && members.length <= 12)) {
        fillIn();
        details.open = true;
    }
    return details;
}

function membersOf(members: [string, unknown][], depth: number): HTMLElement {
    const box = make("div", {}, ...members.slice(0, MOST_MEMBERS).map(([key, value]) => nodeOf(key, value, depth)));
    const rest = members.slice(MOST_MEMBERS);
    if (rest.length > 0) {
        const more = make("button", { type: "button", class: "link" }, `${rest.length} more`);
        more.addEventListener("click", () => more.replaceWith(...membersOf(rest, depth).childNodes));
        box.append(more);
    }
    return box;
}

function leafOf(value: unknown): HTMLElement {
    if (typeof value === "string") {
        const isCut = value.length > LONGEST_TEXT;
        const text = JSON.stringify(isCut ? value.slice(0, LONGEST_TEXT) : value);
        return make("span", { class: "string" }, text, ...(isCut ? [make("span", { class: "mark" }, ` … ${value.length} characters`)] : []));
    }
    return make("span", { class: typeof value === "number" ? "number" : "word" }, String(value));
}
