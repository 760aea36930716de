// Tables whose rows can be selected, and the bar of what can be done to the selected ones.

import { sendFor } from "./api-form.ts";
import { all, each, find, on } from "./dom.ts";

/** The row that was changed last: Shift selects from there. */
let last: HTMLInputElement | null = null;

/** Listens to the boxes of selectable tables, and to the buttons of their bars. */
export function startSelection(): void {
    on("click", "table[data-select] input[name=selected]", (element, event) => {
        const box = element as HTMLInputElement;
        const boxes = boxesOf(box);
        const from = last ? boxes.indexOf(last) : -1;
        if (event.shiftKey && from >= 0) {
            const [low, high] = [from, boxes.indexOf(box)].sort((a, b) => a - b);
            for (const other of boxes.slice(low, (high ?? 0) + 1)) other.checked = box.checked;
        }
        last = box;
        show(box.closest("table"));
    });
    on("change", "table[data-select] [data-select-all]", (element) => {
        for (const box of boxesOf(element)) box.checked = (element as HTMLInputElement).checked;
        show(element.closest("table"));
    });
    on("click", "[data-bulk-clear]", (button) => {
        const table = tableOf(button);
        for (const box of boxesOf(table)) box.checked = false;
        show(table);
    });
    on("click", "[data-bulk]", (button) => {
        const chosen = boxesOf(tableOf(button)).filter((box) => box.checked).map((box) => box.value);
        if (chosen.length === 0) return;
        const constant = JSON.parse(button.dataset["bulkBody"] ?? "{}") as Record<string, unknown>;
        button.dataset["then"] ??= "reload";
        button.dataset["question"] ??= button.dataset["confirmText"] ?? "";
        const question = button.dataset["question"].replace("{count}", String(chosen.length));
        if (question) button.dataset["confirmText"] = question;
        const body = { ...constant, [button.dataset["bulkField"] ?? "ids"]: chosen };
        void sendFor(button, button.dataset["bulk"] ?? "", body);
    });
    // A browser that comes back ticks the boxes again.
    each<HTMLTableElement>("table[data-select]", show);
}

function boxesOf(element: HTMLElement | null): HTMLInputElement[] {
    const table = element?.closest("table");
    return table ? all<HTMLInputElement>("input[name=selected]:not(:disabled)", table) : [];
}

/** The table that a bar belongs to: the nearest before it. */
function tableOf(button: HTMLElement): HTMLTableElement | null {
    for (let around = button.parentElement; around; around = around.parentElement) {
        const table = find<HTMLTableElement>("table[data-select]", around);
        if (table) return table;
    }
    return null;
}

function barOf(table: HTMLElement): HTMLElement | null {
    for (let around = table.parentElement; around; around = around.parentElement) {
        const bar = find(".bulk-bar", around);
        if (bar) return bar;
    }
    return null;
}

function show(table: HTMLTableElement | null): void {
    if (!table) return;
    const boxes = boxesOf(table);
    const count = boxes.filter((box) => box.checked).length;
    const head = find<HTMLInputElement>("[data-select-all]", table);
    if (head) {
        head.checked = count > 0 && count === boxes.length;
        head.indeterminate = count > 0 && count < boxes.length;
    }
    const bar = barOf(table);
    if (!bar) return;
    bar.hidden = count === 0;
    const place = find("[data-selected-count], .count", bar);
    if (place) place.textContent = `${count} selected`;
}
