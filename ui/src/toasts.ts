// Toasts: one line each, in a live region at the bottom right. What went well goes by itself; what did not stays.

import { find, icon, make } from "./dom.ts";

/** How long a toast stays, unless somebody is at it. */
const SHOWN_MS = 6_000;

/** Where a toast is kept for the page that comes next. */
const KEPT = "skerry-toast";

export type ToastKind = "success" | "info" | "danger";

/** What a toast has beside its text. */
export interface ToastOptions {
    kind?: ToastKind;
    /** A button in it: its word, and what it does. */
    action?: { word: string; act: () => void };
    stays?: boolean;
}

const ICONS = { success: "circle-check", info: "info", danger: "circle-alert" } as const;

/** Shows a line; answers what takes it away. */
export function toast(text: string, options: ToastOptions = {}): () => void {
    const { kind = "success", action, stays = kind === "danger" } = options;
    const line = make("div", { class: `toast ${kind}` }, icon(ICONS[kind]), make("span", {}, text));
    const close = (): void => line.remove();
    if (action) {
        const button = make("button", { type: "button", class: "button small" }, action.word);
        button.addEventListener("click", () => {
            close();
            action.act();
        });
        line.append(button);
    }
    if (stays || action) {
        const button = make("button", { type: "button", class: "button quiet small icon-only", "aria-label": "Dismiss" }, icon("x"));
        button.addEventListener("click", close);
        line.append(button);
    }
    const region = find("#toasts") ?? document.body.appendChild(make("div", { id: "toasts", role: "status" }));
    for (const shown of region.children) if (shown.textContent === line.textContent) shown.remove();
    region.append(line);
    if (!stays) leaveInTime(line);
    return close;
}

/** Shows a line on the page that is gone to. */
export function toastOnNextPage(text: string): void {
    sessionStorage.setItem(KEPT, text);
}

/** Shows what the page before left to be said. */
export function startToasts(): void {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    if (kept) toast(kept);
}

/** Goes after a while in which nobody points at it or has focus in it. */
function leaveInTime(line: HTMLElement): void {
    const timer = setInterval(() => {
        if (line.matches(":hover, :focus-within")) return;
        clearInterval(timer);
        line.remove();
    }, SHOWN_MS);
}
