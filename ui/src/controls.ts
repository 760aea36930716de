// Reads a form's controls, and shows beside them what is wrong with what they say.

import type { FieldError } from "./api.ts";
import { all, find } from "./dom.ts";
import { KINDS, controlOf, sentence, type Entry, type FieldKind } from "./fields.ts";

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** The entries of a form's controls, and of the button that sent it, where that has a name. */
export function entriesOf(form: HTMLFormElement, submitter?: HTMLElement | null): Entry[] {
    const entries: Entry[] = [];
    const lists = new Map<string, string[]>();
    for (const control of controlsOf(form)) {
        if (control instanceof HTMLInputElement && control.type === "radio" && !control.checked) continue;
        const entry = entryOf(control);
        if (entry.as === "list" && control instanceof HTMLInputElement && control.type === "checkbox") {
            // Boxes of one name are one list, of the values of those that are ticked.
            const list = lists.get(entry.name) ?? [];
            if (!lists.has(entry.name)) entries.push({ ...entry, value: list });
            lists.set(entry.name, list);
            if (control.checked) list.push(control.value);
        } else {
            entries.push(entry);
        }
    }
    if (submitter instanceof HTMLButtonElement && submitter.name) {
        entries.push({ name: submitter.name, as: kindOf(submitter), value: submitter.value, empty: "kept" });
    }
    return entries;
}

/** A form's controls that say something: named, switched on, no button, and not another list's selection. */
export function controlsOf(form: HTMLFormElement): Control[] {
    return [...form.elements].filter((element): element is Control => {
        const isControl =
            element instanceof HTMLInputElement || element instanceof HTMLSelectElement || element instanceof HTMLTextAreaElement;
        return isControl && element.name !== "" && !element.matches(":disabled, [type=submit], [type=button], [data-local]");
    });
}

function entryOf(control: Control): Entry {
    const said = control.dataset["empty"];
    const empty = said === "null" ? "null" : said === "keep" ? "kept" : "left-out";
    const isBox = control instanceof HTMLInputElement && control.type === "checkbox";
    const as = kindOf(control);
    const value = isBox ? control.checked : control instanceof HTMLSelectElement && control.multiple ? chosenOf(control) : control.value;
    return { name: control.name, as, value, empty };
}

function chosenOf(select: HTMLSelectElement): string[] {
    return [...select.selectedOptions].map((option) => option.value);
}

function kindOf(control: HTMLElement): FieldKind {
    const named = control.dataset["as"];
    const isNumber = control instanceof HTMLInputElement && control.type === "number";
    return KINDS.find((kind) => kind === named) ?? (isNumber ? "number" : "text");
}

/** Takes away what was shown of an earlier try. */
export function clearErrors(form: HTMLElement): void {
    for (const control of all("[aria-invalid=true]", form)) {
        control.removeAttribute("aria-invalid");
        const place = errorPlace(control);
        if (place) place.hidden = true;
    }
    const summary = find(".form-error", form);
    if (summary) summary.hidden = true;
}

/**
 * Shows each error at its control, and brings focus to the first. Answers those that belong to no control.
 */
export function showErrors(form: HTMLFormElement, errors: FieldError[]): FieldError[] {
    const controls = controlsOf(form).filter((control) => !(control instanceof HTMLInputElement && control.type === "hidden"));
    const names = controls.map((control) => control.name);
    let first: Control | undefined;
    const homeless = errors.filter((error) => {
        const control = controls.find(({ name }) => name === controlOf(error.field, names));
        if (!control) return true;
        showError(control, error.message);
        first ??= control;
        return false;
    });
    if (first) {
        for (let details = first.closest("details"); details; details = details.parentElement?.closest("details") ?? null) {
            details.open = true;
        }
        first.focus();
    }
    return homeless;
}

function showError(control: Control, message: string): void {
    const place = errorPlace(control);
    control.setAttribute("aria-invalid", "true");
    if (!place) return;
    place.textContent = sentence(message);
    place.hidden = false;
    place.id ||= `error-${control.id || control.name}`;
    const described = new Set((control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    control.setAttribute("aria-describedby", [...described.add(place.id)].join(" "));
}

/** The place for a control's error: the one in its field, which is made where the page has none. */
function errorPlace(control: HTMLElement): HTMLElement | null {
    const field = control.closest(".field, fieldset");
    if (!field) return null;
    const found = find(".error", field);
    if (found) return found;
    const made = document.createElement("p");
    made.className = "error";
    field.append(made);
    return made;
}
