// Keys of every page: `/` searches, `?` lists them, `g` and a letter goes to a page. Nothing happens while somebody types.

import { all, find, make, on } from "./dom.ts";
import { open } from "./dialogs.ts";
import { searchField } from "./filters.ts";

/** Where `g` and a letter goes. */
const PLACES: Record<string, [path: string, word: string]> = {
    s: ["/scripts", "Scripts"],
    x: ["/executions", "Executions"],
    c: ["/schedules", "Schedules"],
    p: ["/endpoints", "Endpoints"],
    e: ["/events", "Events"],
    w: ["/webhooks", "Webhooks"],
    d: ["/storage", "Storage"],
    k: ["/secrets", "Secrets"],
    m: ["/members", "Members"],
    u: ["/usage", "Usage"],
    a: ["/audit", "Audit"],
};

/** How long after `g` the letter counts. */
const LETTER_MS = 1_500;

/** Listens to the keyboard. */
export function startKeys(): void {
    let goesUntil = 0;
    addEventListener("keydown", (event) => {
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
        if (performance.now() < goesUntil) {
            goesUntil = 0;
            const place = PLACES[event.key];
            // Only where the navigation has it: others may not see it.
            if (place && find(`.side a[href="${place[0]}"]`)) {
                event.preventDefault();
                location.assign(place[0]);
            }
            return;
        }
        if (event.key === "g") goesUntil = performance.now() + LETTER_MS;
        else if (event.key === "/" && searchField()) {
            event.preventDefault();
            searchField()?.select();
            searchField()?.focus();
        } else if (event.key === "?") showKeys();
    });
    on("click", "[data-keys]", showKeys);
}

function isTyping({ target }: KeyboardEvent): boolean {
    if (find("dialog[open]")) return true;
    if (!(target instanceof HTMLElement)) return false;
    // The editor writes into an element that is none of the browser's own fields.
    if (target.isContentEditable || target.closest(".monaco-editor, [role=textbox]")) return true;
    return target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

/** Lists the keys of every page, and those that this page adds: `data-key="Ctrl Enter" data-key-does="Test"`. */
function showKeys(): void {
    const list = make("dl", { class: "keys-list" });
    const add = (keys: string, does: string): void => {
        const written = keys.split(" ").flatMap((key) => [make("kbd", {}, key), " "]);
        list.append(make("dt", {}, ...written), make("dd", {}, does));
    };
    add(/mac|iphone|ipad/i.test(navigator.platform) ? "⌘ K" : "Ctrl K", "Search and commands");
    if (searchField()) add("/", "Search this list");
    for (const element of all("[data-key]")) add(element.dataset["key"] ?? "", element.dataset["keyDoes"] ?? element.textContent.trim());
    for (const [key, [path, word]] of Object.entries(PLACES)) if (find(`.side a[href="${path}"]`)) add(`g ${key}`, `Go to ${word}`);
    add("?", "This list");
    const close = make("div", { class: "actions" }, make("button", { class: "button", autofocus: "" }, "Close"));
    const form = make("form", { method: "dialog" }, make("h2", { id: "keys-title" }, "Keys"), list, close);
    const dialog = make("dialog", { class: "dialog", "aria-labelledby": "keys-title" }, form);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    open(dialog);
}
