// Dialogs: opened and closed by attributes, and those that are asked through: a confirmation, a new secret shown once,
// a session that has ended.

import { byId, find, icon, make, on } from "./dom.ts";
import { isDirty } from "./unsaved.ts";

/** Listens to what opens and closes dialogs. */
export function startDialogs(): void {
    on("click", "[data-dialog]", (opener) => {
        const dialog = byId(opener.dataset["dialog"]);
        if (dialog instanceof HTMLDialogElement) open(dialog);
    });
    on("click", "[data-close]", (closer) => closer.closest("dialog")?.close());
    // A press on the backdrop is one on the dialog itself. What is filled in stays.
    on("pointerdown", "dialog[open]", (dialog, event) => {
        const isOutside = event.target === dialog && !isWithin(dialog, event);
        if (isOutside && ![...dialog.querySelectorAll("form")].some(isDirty)) (dialog as HTMLDialogElement).close();
    });
}

/** Opens a dialog over the page. */
export function open(dialog: HTMLDialogElement): void {
    if (!dialog.open) dialog.showModal();
    find("[autofocus]", dialog)?.focus();
}

function isWithin(element: HTMLElement, { clientX, clientY }: PointerEvent): boolean {
    const box = element.getBoundingClientRect();
    return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
}

/** What a confirmation asks. */
export interface Question {
    text: string;
    /** What the button says that confirms. */
    verb: string;
    isDangerous: boolean;
    /** What has to be typed before. */
    typed?: string | undefined;
}

/** Asks before something is done. */
export function confirmed(question: Question): Promise<boolean> {
    // The first sentence asks; the rest says what follows.
    const [, title = question.text, rest = ""] = /^(.+?\?)\s*(.*)$/s.exec(question.text) ?? [];
    const confirm = make("button", { class: `button primary${question.isDangerous ? " danger" : ""}`, value: "confirm" }, question.verb);
    const form = make("form", { method: "dialog" }, make("h2", { id: "confirm-title" }, title));
    if (rest) form.append(make("p", {}, rest));
    if (question.typed) form.append(typedField(question.typed, confirm));
    const cancel = make("button", { type: "button", class: "button", "data-close": "" }, "Cancel");
    form.append(make("div", { class: "actions" }, cancel, confirm));
    const dialog = shown("confirm-title", form);
    if (!question.typed) (question.isDangerous ? cancel : confirm).focus();
    return until(dialog).then((value) => value === "confirm");
}

/** Asks through a dialog of the page, whose button has the value `confirm`. */
export function confirmedBy(dialog: HTMLDialogElement): Promise<boolean> {
    dialog.returnValue = "";
    open(dialog);
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm"), { once: true });
    });
}

/** Shows a value that is never shown again, until somebody says that he has it. */
export function reveal(title: string, value: string): Promise<void> {
    const code = make("code", { class: "mono", id: "revealed" }, value);
    const copy = make("button", { type: "button", class: "button small", "data-copy-from": "#revealed" }, icon("copy"), "Copy");
    const form = make(
        "form",
        { method: "dialog" },
        make("h2", { id: "reveal-title" }, title),
        make("p", {}, "Copy it now: it is shown this once and cannot be read again."),
        make("div", { class: "copy-line" }, code, copy),
        make("div", { class: "actions" }, make("button", { class: "button primary" }, "I have it")),
    );
    const dialog = shown("reveal-title", form);
    copy.focus();
    return until(dialog).then(() => undefined);
}

let signedOut: Promise<boolean> | undefined;

/** Says that the session has ended; answers whether to try again. Asked at once for however many calls. */
export function askToSignIn(): Promise<boolean> {
    signedOut ??= (async () => {
        const form = make(
            "form",
            { method: "dialog" },
            make("h2", { id: "signed-out-title" }, "You are signed out"),
            make("p", {}, "Sign in in another tab, then try again. What you typed is still here."),
            make(
                "div",
                { class: "actions" },
                make("button", { type: "button", class: "button", "data-close": "" }, "Not now"),
                make("a", { class: "button", href: "/sign-in", target: "_blank", rel: "noopener" }, "Sign in", icon("external-link")),
                make("button", { class: "button primary", value: "again" }, "Try again"),
            ),
        );
        const again = (await until(shown("signed-out-title", form))) === "again";
        signedOut = undefined;
        return again;
    })();
    return signedOut;
}

/** A field whose text has to be the wanted one before the button works. */
function typedField(wanted: string, button: HTMLButtonElement): HTMLElement {
    const input = make("input", { id: "confirm-typed", autocomplete: "off", spellcheck: "false", autofocus: "" });
    const label = make("label", { for: "confirm-typed" }, "Type ", make("code", {}, wanted), " to confirm");
    button.disabled = true;
    input.addEventListener("input", () => (button.disabled = input.value !== wanted));
    return make("div", { class: "field" }, label, input);
}

/** A dialog that is made for one question, and goes with it. */
function shown(titleId: string, form: HTMLFormElement): HTMLDialogElement {
    const dialog = make("dialog", { class: "dialog", "aria-labelledby": titleId }, form);
    document.body.append(dialog);
    open(dialog);
    return dialog;
}

function until(dialog: HTMLDialogElement): Promise<string> {
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(dialog.returnValue);
        });
    });
}
