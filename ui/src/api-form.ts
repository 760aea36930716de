// Forms and buttons that call the API: `data-api="POST /api/v1/secrets"`. The only way in which a page changes something.

import { call, uniqueKey, type Answer, type Problem } from "./api.ts";
import { clearErrors, controlsOf, entriesOf, showErrors } from "./controls.ts";
import { askToSignIn, confirmed, confirmedBy, reveal } from "./dialogs.ts";
import { byId, each, find, make, on } from "./dom.ts";
import { Unreadable, assemble, changed, fill, memberOf, sentence, type Entry } from "./fields.ts";
import { refresh, reload } from "./refresh.ts";
import { toast, toastOnNextPage } from "./toasts.ts";
import { markClean } from "./unsaved.ts";

const LOST = "The server did not answer. What you typed is still here.";
const STALE = "This has changed meanwhile: somebody else changed it, or you did in another tab. What you typed is still here; "
    + "copy what you need of it, then read the page again.";

/** What forms said when they were shown, for those that send only what has changed. */
const shown = new WeakMap<HTMLFormElement, Entry[]>();

/** The keys of forms that are to be done once. */
const keys = new WeakMap<HTMLElement, string>();

/** One call that is to be made, and the element that asks for it. */
interface Request {
    element: HTMLElement;
    form: HTMLFormElement | null;
    method: string;
    path: string;
    body: unknown;
}

/** Listens to forms and buttons with `data-api`. */
export function startApiForms(): void {
    each<HTMLFormElement>("form[data-api][data-merge]", (form) => shown.set(form, entriesOf(form)));
    on("submit", "form[data-api]", (element, event) => {
        event.preventDefault();
        const form = element as HTMLFormElement;
        void send(requestOf(form, (event as SubmitEvent).submitter));
    });
    on("click", "button[data-api]", (button, event) => {
        const submits = button instanceof HTMLButtonElement && button.type === "submit" && button.form?.dataset["api"];
        if (submits || isOff(button)) return;
        event.preventDefault();
        void send(requestOf(button, null));
    });
}

/** Sends a call that an element asks for, once it was confirmed. Exported for buttons that put its body together. */
export async function sendFor(element: HTMLElement, api: string, body: unknown): Promise<void> {
    const [method, path] = split(api);
    await send({ element, form: null, method, path, body });
}

function isOff(element: HTMLElement): boolean {
    return element.getAttribute("aria-disabled") === "true" || element.ariaBusy === "true";
}

function split(api: string): [string, string] {
    const [method = "POST", path = ""] = api.trim().split(/\s+/);
    return [method, path];
}

/** What an element asks for; null where what was typed cannot be read, which is shown then. */
function requestOf(element: HTMLElement, submitter: HTMLElement | null): Request | null {
    const form = element instanceof HTMLFormElement ? element : null;
    // A button of a form may name another call than the form does.
    const asked = submitter?.dataset["api"] ? submitter : element;
    const [method, template] = split(asked.dataset["api"] ?? "");
    const constant = JSON.parse(asked.dataset["body"] ?? element.dataset["body"] ?? "null") as Record<string, unknown> | null;
    if (!form) return { element, form, method, path: template, body: constant ?? undefined };
    clearErrors(form);
    try {
        const inPath = [...template.matchAll(/\{([\w.]+)\}/g)].map(([, name]) => name);
        const all = entriesOf(form, submitter);
        const path = fill(template, Object.fromEntries(all.map(({ name, value }) => [name, value])), encodeURIComponent);
        const said = all.filter(({ name }) => !inPath.includes(name));
        const entries = form.dataset["merge"] === "changed" ? changed(shown.get(form) ?? [], said) : said;
        const body = assemble(entries, constant ?? {});
        const isEmpty = Object.keys(body).length === 0 && method === "DELETE";
        return { element: form, form, method, path, body: isEmpty ? undefined : body };
    } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        showErrors(form, [{ field: error.field, message: error.message }]);
        return null;
    }
}

async function send(request: Request | null): Promise<void> {
    if (!request || request.element.ariaBusy === "true" || !(await isConfirmed(request.element))) return;
    setBusy(request, true);
    const answer = await call(request.method, request.path, {
        body: request.body,
        etag: request.element.dataset["etag"],
        idempotencyKey: keyOf(request.element),
    });
    setBusy(request, false);
    if (answer.kind === "done") await succeed(request, answer);
    else if (answer.kind === "lost") fail(request, LOST, { word: "Try again", act: () => void sendAgain(request) });
    else await refused(request, answer.problem);
}

/** Sends without asking once more. */
function sendAgain(request: Request): Promise<void> {
    if (!request.form) return send(request);
    return send(requestOf(request.form, null));
}

function isConfirmed({ dataset, textContent }: HTMLElement): Promise<boolean> | true {
    const dialog = byId(dataset["confirm"]);
    if (dialog instanceof HTMLDialogElement) return confirmedBy(dialog);
    const text = dataset["confirmText"];
    if (!text) return true;
    const verb = dataset["confirmVerb"] ?? (dataset["api"] ? textContent.trim() : "Do it");
    const isDangerous = dataset["api"]?.startsWith("DELETE") === true || dataset["confirmDanger"] !== undefined || /^delete/i.test(verb);
    return confirmed({ text, verb: verb || "Delete", isDangerous, typed: dataset["confirmTyped"] });
}

function keyOf(element: HTMLElement): string | undefined {
    if (element.dataset["idempotent"] === undefined) return undefined;
    const key = keys.get(element) ?? uniqueKey();
    keys.set(element, key);
    return key;
}

/** While a call is under way its element says so, and is not pressed again. */
function setBusy({ element, form }: Request, isBusy: boolean): void {
    if (isBusy) element.ariaBusy = "true";
    else element.ariaBusy = null;
    const buttons = form ? [...form.elements].filter((button) => button instanceof HTMLButtonElement && button.type === "submit") : [element];
    // Not `disabled`: that takes away focus.
    for (const button of buttons) {
        if (isBusy) button.setAttribute("aria-disabled", "true");
        else button.removeAttribute("aria-disabled");
    }
}

async function succeed(request: Request, answer: Extract<Answer, { kind: "done" }>): Promise<void> {
    const { element, form } = request;
    keys.delete(element);
    if (form) markClean(form);
    element.dispatchEvent(new CustomEvent("skerry:done", { bubbles: true, detail: answer }));
    const dialog = element.closest("dialog");
    dialog?.close();
    if (form && dialog) form.reset();
    const [place, path] = (element.dataset["reveal"] ?? "").split(":");
    const secret = path ? memberOf(answer.value, path) : undefined;
    if (typeof secret === "string") {
        // Some secrets are the end of an address, which is what is passed on.
        const before = element.dataset["revealAddress"];
        const shown = before ? location.origin + before + secret : secret;
        await revealIn(place ?? "", shown, element.dataset["revealTitle"] ?? "Your new secret");
    }
    await goOn(element, answer);
}

async function revealIn(place: string, secret: string, title: string): Promise<void> {
    const dialog = byId(place);
    const target = dialog && find("[data-revealed]", dialog);
    if (!(dialog instanceof HTMLDialogElement) || !target) return reveal(title, secret);
    target.textContent = secret;
    await confirmedBy(dialog);
    target.textContent = "";
}

/** What follows a call that went well: `data-then`. */
async function goOn(element: HTMLElement, answer: Extract<Answer, { kind: "done" }>): Promise<void> {
    const then = element.dataset["then"] ?? "";
    const line = fill(element.dataset["toast"] ?? "", answer.value);
    const target = fill(then, answer.value, /^\{[\w.]+\}$/.test(then) ? undefined : encodeURIComponent);
    if (/^(https?:\/\/|\/(?!\/))/.test(target)) {
        if (line) toastOnNextPage(line);
        location.assign(target);
        return;
    }
    if (line) toast(line);
    for (const word of then.split(/\s+/)) {
        if (word === "reload") await reload();
        else if (word.startsWith("refresh:")) await refresh(word.slice("refresh:".length));
        else if (word.startsWith("event:")) {
            document.dispatchEvent(new CustomEvent(word.slice("event:".length), { detail: answer }));
        }
    }
}

async function refused(request: Request, problem: Problem): Promise<void> {
    const { element, form } = request;
    element.dispatchEvent(new CustomEvent("skerry:refused", { bubbles: true, detail: problem }));
    if (problem.status === 401 && problem.code === "unauthenticated") {
        if (await askToSignIn()) await sendAgain(request);
        return;
    }
    if (problem.status === 412) {
        fail(request, STALE, { word: "Read the page again", act: () => location.reload() });
        return;
    }
    // Under the key stands what was refused; the next try is another request.
    keys.delete(element);
    const homeless = form ? showErrors(form, problem.errors) : problem.errors;
    const isShown = form && problem.errors.length > 0 && homeless.length === 0;
    if (isShown) return;
    const texts = new Set(homeless.length > 0 ? homeless.map(({ field, message }) => (form && field ? `${field}: ${message}` : message)) : [problem.detail]);
    fail(request, sentence([...texts].join(" · ")));
}

/** Says why nothing was done: above the form's fields, or as a toast that stays. */
function fail({ form, element }: Request, text: string, action?: { word: string; act: () => void }): void {
    const place = form && find(".form-error", form);
    if (!place) {
        const inDialog = element.closest("dialog")?.querySelector<HTMLElement>(".form-error");
        if (inDialog) showIn(inDialog, text, action);
        else toast(text, { kind: "danger", ...(action && { action }) });
        return;
    }
    showIn(place, text, action);
    if (!controlsOf(form).some((control) => control === document.activeElement)) place.scrollIntoView({ block: "nearest" });
}

function showIn(place: HTMLElement, text: string, action?: { word: string; act: () => void }): void {
    place.replaceChildren(text);
    if (action) {
        const button = make("button", { type: "button", class: "link" }, action.word);
        button.addEventListener("click", () => {
            place.hidden = true;
            action.act();
        });
        place.append(" ", button);
    }
    place.hidden = false;
}
