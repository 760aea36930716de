// Buttons that copy a text: their own `data-copy`, or that of the element which `data-copy-from` names.

import { byId, find, icon, on } from "./dom.ts";
import { toast } from "./toasts.ts";

const SHOWN_MS = 1_600;

/** Listens to the buttons that copy. */
export function startCopy(): void {
    on("click", "[data-copy], [data-copy-from]", (button, event) => {
        event.preventDefault();
        const from = byId(button.dataset["copyFrom"]);
        const text = button.dataset["copy"] ?? (from instanceof HTMLInputElement || from instanceof HTMLTextAreaElement ? from.value : from?.textContent) ?? "";
        void copy(text, button).then((isCopied) => {
            if (isCopied) showDone(button);
            else toast("The browser does not let this page copy. Mark the text, and copy it with the keyboard.", { kind: "danger" });
        });
    });
}

/** The clipboard is open to safe origins alone; elsewhere the old way still works. */
async function copy(text: string, beside: HTMLElement): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const area = document.createElement("textarea");
        area.value = text;
        area.className = "visually-hidden";
        beside.after(area);
        area.select();
        const isCopied = document.execCommand("copy");
        area.remove();
        beside.focus();
        return isCopied;
    }
}

/** The button's icon is a tick for a moment, and the live region says it. */
function showDone(button: HTMLElement): void {
    const drawn = find<SVGSVGElement>("svg.icon", button);
    if (drawn && !button.dataset["copied"]) {
        const tick = icon("check");
        button.dataset["copied"] = "true";
        drawn.replaceWith(tick);
        setTimeout(() => {
            tick.replaceWith(drawn);
            delete button.dataset["copied"];
        }, SHOWN_MS);
    }
    toast("Copied");
}
