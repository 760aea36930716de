// The page of a new script: what its kind asks for is shown, the chosen template becomes its source, and a name that is
// taken is said while it is typed.

import { call } from "./api.ts";
import { all, byId, each, find, on } from "./dom.ts";

/** How long somebody pauses in typing before the name is looked up. */
const PAUSE_MS = 250;

/** Watches the form of a new script, where the page has one. */
export function startNewScript(): void {
    each<HTMLFormElement>("form[data-new-script]", (form) => {
        form.addEventListener("change", () => choose(form));
        choose(form);
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    on("input", "input[data-unique]", (element) => {
        clearTimeout(timer);
        timer = setTimeout(() => void look(element as HTMLInputElement), PAUSE_MS);
    });
}

function choose(form: HTMLFormElement): void {
    const chosen = find<HTMLInputElement>("input[name=kind]:checked", form);
    for (const part of all("[data-for-kind]", form)) {
        const isFor = part.dataset["forKind"]?.split(" ").includes(chosen?.value ?? "") ?? false;
        part.hidden = !isFor;
        for (const control of all<HTMLInputElement>("input, select, textarea", part)) control.disabled = !isFor;
    }
    const source = form.elements.namedItem("source");
    const template = byId(`source-${chosen?.dataset["template"] ?? ""}`);
    if (source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement) source.value = template?.textContent ?? "";
}

/** Says that a name is taken. The browser's own rule for names comes first. */
async function look(input: HTMLInputElement): Promise<void> {
    const place = find(".error", input.closest(".field") ?? document);
    const name = input.value;
    if (!place || !name || !input.checkValidity()) return;
    const answer = await call("GET", (input.dataset["unique"] ?? "").replace("{value}", encodeURIComponent(name)));
    if (input.value !== name) return;
    const isTaken = answer.kind === "done";
    place.textContent = isTaken ? `'${name}' is taken.` : "";
    place.hidden = !isTaken;
    if (isTaken) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
}
