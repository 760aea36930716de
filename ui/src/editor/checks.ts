// What the server's compiler says of the source, as markers in the editor; and the schema of the input, which it reads from
// the types of the entry.

import { ask, type Diagnostic } from "./api.ts";
import { type Model, monaco } from "./monaco.ts";
import type { Language } from "./page.ts";

/** How long the source rests before it is checked. */
const REST_MS = 600;
const OWNER = "skerry";

/** What a check answers. */
interface CheckedSource {
    compiles: boolean;
    diagnostics: Diagnostic[];
    is_pure: boolean | null;
    input_schema: object | null;
}

/** Checks a model whenever its text rests. */
export class Checks {
    #model: Model;
    #language: Language;
    #found: (checked: CheckedSource) => void;
    #timer = 0;
    #asking: AbortController | null = null;

    constructor(model: Model, language: Language, found: (checked: CheckedSource) => void) {
        this.#model = model;
        this.#language = language;
        this.#found = found;
    }

    /** The text was changed. */
    touch(): void {
        window.clearTimeout(this.#timer);
        this.#timer = window.setTimeout(() => void this.check(), REST_MS);
    }

    /** Ask the compiler now. A server that does not answer says nothing of the source, and so changes no marker. */
    async check(): Promise<void> {
        this.#asking?.abort();
        const asking = new AbortController();
        this.#asking = asking;
        const version = this.#model.getVersionId();
        const answer = await ask<CheckedSource>("/api/v1/check", {
            method: "POST",
            body: { language: this.#language, source: this.#model.getValue() },
            signal: asking.signal,
        });
        if (!answer.ok || this.#model.isDisposed() || this.#model.getVersionId() !== version) return;
        mark(this.#model, answer.value.diagnostics);
        this.#found(answer.value);
    }
}

/** Show findings where they are. What TypeScript marks in the same place already is not said twice. */
export function mark(model: Model, diagnostics: Diagnostic[]): void {
    monaco.editor.setModelMarkers(model, OWNER, diagnostics.map((diagnostic) => marker(model, diagnostic)));
}

function marker(model: Model, diagnostic: Diagnostic): monaco.editor.IMarkerData {
    const line = Math.min(Math.max(diagnostic.line, 1), model.getLineCount());
    const column = Math.min(Math.max(diagnostic.column, 1), model.getLineMaxColumn(line));
    const word = model.getWordAtPosition({ lineNumber: line, column });
    const message = diagnostic.advice ? `${diagnostic.message}\n${diagnostic.advice}` : diagnostic.message;
    return {
        severity: diagnostic.severity === "error" ? monaco.MarkerSeverity.Error : monaco.MarkerSeverity.Warning,
        message,
        source: "Skerry",
        startLineNumber: line,
        startColumn: column,
        endLineNumber: line,
        endColumn: word && word.endColumn > column ? word.endColumn : column + 1,
    };
}
