// The input of a test: JSON in an editor of its own, or a form where the source says what its input is; inputs that were
// saved in this browser for the script; and those of past runs, for who may see them.

import { ask, inWords } from "./api.ts";
import { byId, element } from "./dom.ts";
import { type Editor, json, makeModel, monaco, SHARED_OPTIONS } from "./monaco.ts";
import type { PageState } from "./page.ts";
import { hasForm, type Schema, SchemaForm } from "./schema-form.ts";

/** How many inputs are kept of a script. */
const SAVED_MAX = 20;
const NAME_CHARS_MAX = 60;
const PAST_RUNS = 20;

interface SavedInput {
    name: string;
    json: string;
}

interface PastRun {
    id: string;
    status: string;
    trigger: string;
    accepted_at: string;
}

/** The input's part of the page. */
export class Inputs {
    readonly editor: Editor;
    #page: PageState;
    #form: SchemaForm | null = null;
    #schema = "";
    #isForm = false;
    #choice = byId<HTMLSelectElement>("input-choice");
    #error = byId("input-error");

    constructor(page: PageState) {
        this.#page = page;
        const model = makeModel(this.#latest() ?? page.example, "json", monaco.Uri.parse("inmemory://skerry/input.json"));
        this.editor = monaco.editor.create(byId("input-editor"), {
            ...SHARED_OPTIONS,
            model,
            lineNumbers: "off",
            glyphMargin: false,
            folding: false,
            lineDecorationsWidth: 4,
            ariaLabel: "Input of the test, as JSON. Press Escape, then Tab, to leave.",
            quickSuggestions: { strings: true, other: true, comments: false },
        });
        model.onDidChangeContent(() => this.#complain(null));
        this.#choice.addEventListener("change", () => void this.#choose(this.#choice.value));
        byId("input-save").addEventListener("click", () => this.#save());
        byId("input-as-json").addEventListener("click", () => this.#show(false));
        byId("input-as-form").addEventListener("click", () => this.#show(true));
        this.#list([]);
        if (page.may.read_executions) void this.#loadPastRuns();
    }

    /** The input as JSON text; `null` where it is none, which the page then says. */
    read(): string | null {
        if (this.#isForm && this.#form) {
            const read = this.#form.read();
            if ("wrong" in read) return this.#complain(read.wrong);
            this.#keepLatest(read.json);
            return read.json;
        }
        const text = this.editor.getValue().trim() === "" ? "null" : this.editor.getValue();
        try {
            JSON.parse(text);
        } catch (error) {
            return this.#complain(`The input is no JSON: ${error instanceof Error ? error.message : String(error)}`);
        }
        this.#keepLatest(text);
        this.#complain(null);
        return text;
    }

    /** Put an input in, as of a past run. */
    write(text: string): void {
        let pretty = text;
        try {
            pretty = JSON.stringify(JSON.parse(text), null, 2);
        } catch {
            // As it is.
        }
        this.editor.setValue(pretty);
        if (this.#isForm) this.#show(true);
    }

    /** The compiler read what the input is. */
    setSchema(schema: object | null): void {
        const text = JSON.stringify(schema);
        if (text === this.#schema) return;
        this.#schema = text;
        const schemas = schema ? [{ uri: "inmemory://skerry/input.schema.json", fileMatch: ["*"], schema }] : [];
        json.jsonDefaults.setDiagnosticsOptions({ validate: true, allowComments: false, enableSchemaRequest: false, schemas });
        const known = schema as Schema | null;
        const can = hasForm(known);
        byId("input-kinds").hidden = !can;
        if (!can) {
            this.#form = null;
            this.#show(false);
            return;
        }
        this.#form = new SchemaForm(known, () => this.#complain(null));
        byId("input-form").replaceChildren(this.#form.root);
        if (this.#isForm) this.#show(true);
    }

    #show(isForm: boolean): void {
        if (isForm && this.#form) {
            try {
                this.#form.write(JSON.parse(this.editor.getValue() || "null"));
            } catch {
                this.#complain("The input is no JSON. Set it right before you go on in the form.");
                return;
            }
        } else if (this.#isForm && this.#form) {
            const read = this.#form.read();
            if ("json" in read) this.editor.setValue(read.json);
        }
        this.#isForm = isForm && this.#form !== null;
        byId("input-form").hidden = !this.#isForm;
        byId("input-editor").hidden = this.#isForm;
        byId("input-as-json").setAttribute("aria-pressed", String(!this.#isForm));
        byId("input-as-form").setAttribute("aria-pressed", String(this.#isForm));
    }

    #complain(why: string | null): null {
        this.#error.hidden = why === null;
        this.#error.textContent = why ?? "";
        return null;
    }

    async #loadPastRuns(): Promise<void> {
        const path = `/api/v1/executions?script=${this.#page.script.id}&limit=${PAST_RUNS}`;
        const answer = await ask<{ items: PastRun[] }>(path);
        if (answer.ok) this.#list(answer.value.items);
    }

    #list(runs: PastRun[]): void {
        const first = element("option", { value: "" }, "Take an input…");
        const saved = this.#saved().map((input, index) => element("option", { value: `saved ${index}` }, input.name));
        const past = runs.map((run) => {
            const when = new Date(run.accepted_at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
            return element("option", { value: `run ${run.id}` }, `${when}, ${run.status}, by ${run.trigger}`);
        });
        const example = element("option", { value: "example" }, "The example");
        const groups = [
            element("optgroup", { label: "Made here" }, example, ...saved),
            past.length > 0 ? element("optgroup", { label: "Of a past run" }, ...past) : null,
            saved.length > 0 ? element("optgroup", { label: "Tidy up" }, element("option", { value: "forget" }, "Forget the saved inputs")) : null,
        ];
        this.#choice.replaceChildren(first, ...groups.filter((group) => group !== null));
    }

    async #choose(choice: string): Promise<void> {
        this.#choice.value = "";
        const [kind, name] = choice.split(" ");
        if (kind === "example") this.write(this.#page.example);
        if (kind === "saved") this.write(this.#saved()[Number(name)]?.json ?? "null");
        if (kind === "forget") {
            store(this.#key, "[]");
            void this.#loadPastRuns();
        }
        if (kind !== "run" || !name) return;
        const answer = await ask<{ input?: unknown }>(`/api/v1/executions/${name}`);
        if (!answer.ok) this.#complain(inWords(answer.problem));
        else if (answer.value.input === undefined || answer.value.input === null) {
            this.#complain("The input of this run is not shown to you, or it had none.");
        } else this.write(JSON.stringify(asTyped(answer.value.input)));
    }

    #save(): void {
        const text = this.read();
        if (text === null) return;
        const name = text.replace(/\s+/g, " ").slice(0, NAME_CHARS_MAX);
        const others = this.#saved().filter((input) => input.json !== text);
        store(this.#key, JSON.stringify([{ name, json: text }, ...others].slice(0, SAVED_MAX)));
        this.#list([]);
        if (this.#page.may.read_executions) void this.#loadPastRuns();
        byId("input-save").textContent = "Saved";
        window.setTimeout(() => (byId("input-save").textContent = "Save"), 1_500);
    }

    #saved(): SavedInput[] {
        try {
            const saved = JSON.parse(localStorage.getItem(this.#key) ?? "[]") as SavedInput[];
            return Array.isArray(saved) ? saved.filter((input) => typeof input?.json === "string") : [];
        } catch {
            return [];
        }
    }

    #latest(): string | null {
        return sessionStorage.getItem(`${this.#key} latest`);
    }

    #keepLatest(text: string): void {
        try {
            sessionStorage.setItem(`${this.#key} latest`, text);
        } catch {
            // There is no room for it: it is in the editor still.
        }
    }

    /** Of one person and one script: inputs hold what others should not find in a shared browser's list. */
    get #key(): string {
        return `skerry-inputs ${this.#page.user} ${this.#page.script.id}`;
    }
}

/** An input as it is typed: of a request, whose headers are told as pairs, with the headers as an object. */
function asTyped(input: unknown): unknown {
    const request = input as { headers?: unknown };
    if (!request || typeof request !== "object" || !Array.isArray(request.headers)) return input;
    const isPair = (pair: unknown): pair is [string, string] => Array.isArray(pair) && pair.length === 2;
    return { ...request, headers: Object.fromEntries(request.headers.filter(isPair)) };
}

function store(key: string, text: string): void {
    try {
        localStorage.setItem(key, text);
    } catch {
        // A full store keeps what it has.
    }
}
