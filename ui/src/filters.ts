// Filters of lists: sent as they are changed, their state is the page's address.

import { find, on } from "./dom.ts";

/** How long somebody pauses in typing before the list is asked for. */
const PAUSE_MS = 250;

/** Listens to filter forms. */
export function startFilters(): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const submit = (form: HTMLFormElement | null, afterMs: number): void => {
        clearTimeout(timer);
        timer = setTimeout(() => form?.requestSubmit(), afterMs);
    };
    on("change", "form[data-submit-on-change] :is(select, input)", (element) => {
        if (!isTypedIn(element)) submit(formOf(element), 0);
    });
    on("change", "select[data-submit-on-change]", (element) => submit(formOf(element), 0));
    on("input", "form[data-submit-on-change] input", (element) => {
        if (isTypedIn(element)) submit(formOf(element), PAUSE_MS);
    });
    document.addEventListener("htmx:configRequest", (event) => leaveOutEmpty(event as CustomEvent));
    document.addEventListener("submit", (event) => leaveOutOfAddress(event));
}

function isTypedIn(element: HTMLElement): boolean {
    return element instanceof HTMLInputElement && ["search", "text", "number"].includes(element.type);
}

function formOf(element: HTMLElement): HTMLFormElement | null {
    return element.closest("form");
}

/** An address names the filters that are set, and no others. */
function leaveOutEmpty(event: CustomEvent<{ parameters: Record<string, unknown>; elt: Element }>): void {
    if (!event.detail.elt.matches("form.filters")) return;
    const { parameters } = event.detail;
    for (const [name, value] of Object.entries(parameters)) if (value === "") delete parameters[name];
}

/** The same for forms that the browser itself sends. */
function leaveOutOfAddress(event: SubmitEvent): void {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "get" || !form.matches(".filters:not([hx-get])")) return;
    const empty = [...form.elements].filter((element) => element instanceof HTMLInputElement || element instanceof HTMLSelectElement).filter((control) => control.value === "" && control.name !== "");
    for (const control of empty) control.disabled = true;
    // The browser has read the form by then.
    setTimeout(() => {
        for (const control of empty) control.disabled = false;
    });
}

/** The page's field for searching, if it has one. */
export function searchField(): HTMLInputElement | null {
    return find<HTMLInputElement>("main input[type=search]");
}
