// Forms that were changed and not sent: leaving the page asks first.

import { all, on } from "./dom.ts";

/** What else on the page has something unsaved: the editor says so here. */
const others = new Set<() => boolean>();

/** Adds to what is asked before the page is left. */
export function alsoUnsaved(has: () => boolean): void {
    others.add(has);
}

/** Whether a form says something else than when it was shown. */
export function isDirty(form: HTMLFormElement): boolean {
    return form.dataset["dirty"] === "true";
}

/** Forgets that a form was changed: it was sent. */
export function markClean(form: HTMLFormElement): void {
    delete form.dataset["dirty"];
}

/** Marks forms that change something as they are filled in, and asks before they are left. */
export function startUnsaved(): void {
    for (const event of ["input", "change"] as const) {
        on(event, "form[data-api]", (form, { target }) => {
            const isLocal = target instanceof Element && target.matches("[data-local]");
            if (!isLocal) form.dataset["dirty"] = "true";
        });
    }
    on("reset", "form[data-api]", (form) => markClean(form as HTMLFormElement));
    addEventListener("beforeunload", (event) => {
        const isUnsaved = all<HTMLFormElement>("form[data-dirty=true]:not([data-leave=quietly])").some(isFilledIn);
        if (isUnsaved || [...others].some((has) => has())) event.preventDefault();
    });
}

/** A form that was emptied again, or that nobody sees, holds nothing that could be lost. */
function isFilledIn(form: HTMLFormElement): boolean {
    if (!form.checkVisibility()) return false;
    return [...new FormData(form).values()].some((value) => value !== "");
}
