// Making and finding elements. Text is only ever set as text: what a script, or a stranger who called one, wrote is never
// read as markup.

import { icon } from "../dom.ts";

export { icon };

type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined | false;

/** An element with attributes and children. An attribute that is `false`, `null` or `undefined` is left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(
    name: Name,
    attributes: Attributes = {},
    ...children: Child[]
): HTMLElementTagNameMap[Name] {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        made.setAttribute(key, value === true ? "" : String(value));
    }
    made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
    return made;
}

/** The element with an id, which the page has. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
    const found = document.getElementById(id);
    if (!found) throw new Error(`the page has no '${id}'`);
    return found as Kind;
}

/** The element with an id, where the page has one. */
export function maybe<Kind extends HTMLElement = HTMLElement>(id: string): Kind | null {
    return document.getElementById(id) as Kind | null;
}

/** A word with its meaning's icon and colour. */
export function badge(meaning: Meaning, word: string): HTMLElement {
    return element("span", { class: `badge ${meaning}` }, icon(ICONS[meaning]), word);
}

/** What a badge can mean. */
export type Meaning = "success" | "failed" | "limit" | "running" | "neutral";

const ICONS: Record<Meaning, string> = {
    success: "circle-check",
    failed: "circle-x",
    limit: "timer",
    running: "loader",
    neutral: "circle",
};

/** Say something to those who do not see it. */
export function announce(text: string): void {
    const region = document.getElementById("editor-announcements");
    if (region) region.textContent = text;
}
