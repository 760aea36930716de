// A failed run in the editor: a marker on the author's line, and the message beside it until the text is changed.

import { type Editor, monaco } from "./monaco.ts";
import type { Failure, Place } from "./outcome.ts";
import { shown } from "./plain.ts";

const OWNER = "skerry-run";
const MESSAGE_CHARS_MAX = 160;

/** Shows at most one failure in an editor. */
export class FailureMark {
    #editor: Editor;
    #beside: monaco.editor.IEditorDecorationsCollection;

    constructor(editor: Editor) {
        this.#editor = editor;
        this.#beside = editor.createDecorationsCollection();
    }

    /** Mark where a run failed; or nothing, where it did not or nobody knows where. */
    show(failure: Failure | null, place: Place | null): void {
        this.clear();
        const model = this.#editor.getModel();
        if (!failure || !place || !model || place.line > model.getLineCount()) return;
        const message = shown(`${failure.name}: ${failure.message}`);
        const column = Math.min(place.column, model.getLineMaxColumn(place.line));
        const word = model.getWordAtPosition({ lineNumber: place.line, column });
        const range = new monaco.Range(place.line, column, place.line, word?.endColumn ?? column + 1);
        monaco.editor.setModelMarkers(model, OWNER, [
            { severity: monaco.MarkerSeverity.Error, message, source: "Test", startLineNumber: range.startLineNumber, startColumn: range.startColumn, endLineNumber: range.endLineNumber, endColumn: range.endColumn },
        ]);
        const end = model.getLineMaxColumn(place.line);
        const short = message.replace(/\s+/g, " ").slice(0, MESSAGE_CHARS_MAX);
        this.#beside.set([
            { range: new monaco.Range(place.line, 1, place.line, 1), options: { isWholeLine: true, className: "failed-line" } },
            { range: new monaco.Range(place.line, end, place.line, end), options: { showIfCollapsed: true, after: { content: `  ${short}`, inlineClassName: "failed-message" } } },
        ]);
        this.#editor.revealLineInCenterIfOutsideViewport(place.line);
    }

    /** The text is another one now. */
    clear(): void {
        this.#beside.clear();
        const model = this.#editor.getModel();
        if (model) monaco.editor.setModelMarkers(model, OWNER, []);
    }
}
