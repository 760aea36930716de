// Reads regions of the page again from the server, without losing the reader's place in them.

import htmx from "htmx.org";

import { all, byId, find } from "./dom.ts";

/** Reads the page's content again. */
export function reload(): Promise<void> {
    return refresh("#main");
}

/** Reads regions again from the page's own address: focus and what is opened in them stay. */
export async function refresh(selector: string): Promise<void> {
    const region = find(selector);
    if (!region) return;
    const focused = placeOfFocus(region);
    const opened = all<HTMLDetailsElement>("details[id][open]", region).map((details) => details.id);
    const source = region.closest<HTMLElement>("[data-source]")?.dataset["source"] ?? location.pathname + location.search;
    await htmx.ajax("get", source, { target: region, select: selector, swap: "outerHTML" });
    for (const id of opened) {
        const details = byId(id);
        if (details instanceof HTMLDetailsElement) details.open = true;
    }
    if (focused === null) return;
    const again = find(selector);
    const element = focused === "" ? again : again && find(focused, again);
    (element ?? again ?? find("#main"))?.focus({ preventScroll: true });
}

/** A selector of what has focus in a region: empty where it is the region; null where focus is elsewhere. */
function placeOfFocus(region: HTMLElement): string | null {
    const active = document.activeElement;
    if (!active || !region.contains(active)) return null;
    if (active === region) return "";
    if (active.id) return `#${CSS.escape(active.id)}`;
    for (const name of ["href", "data-api", "value", "name", "data-dialog"]) {
        const value = active.getAttribute(name);
        if (value) return `${active.localName}[${name}="${CSS.escape(value)}"]`;
    }
    return "";
}
