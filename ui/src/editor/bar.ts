// The bar below the editor: how the draft stands, how many problems there are, and where the cursor is.

import { announce, byId, element, icon } from "./dom.ts";
import type { DraftState } from "./drafts.ts";
import { type Editor, monaco } from "./monaco.ts";

/** The bar. */
export class Bar {
    #draft = byId("draft-state");
    #problems = byId<HTMLButtonElement>("problems");
    #position = byId("cursor-position");

    constructor(editor: Editor) {
        editor.onDidChangeCursorPosition(({ position }) => this.#place(position.lineNumber, position.column));
        this.#place(1, 1);
        monaco.editor.onDidChangeMarkers(() => this.#count(editor));
        this.#count(editor);
        this.#problems.addEventListener("click", () => {
            editor.focus();
            editor.trigger("bar", "editor.action.marker.next", null);
        });
    }

    /** Say how the draft stands. `resolve` shows both texts of a stale one. */
    draft(state: DraftState, resolve: () => void, again: () => void): void {
        const before = this.#draft.dataset["kind"];
        this.#draft.dataset["kind"] = state.kind;
        this.#draft.replaceChildren(...draftWords(state, resolve, again));
        // Each key press is a change; only what somebody has to know is said aloud.
        if (before !== state.kind && (state.kind === "refused" || state.kind === "stale")) announce(this.#draft.textContent ?? "");
    }

    #place(line: number, column: number): void {
        this.#position.textContent = `Line ${line}, column ${column}`;
    }

    #count(editor: Editor): void {
        const model = editor.getModel();
        const markers = model ? monaco.editor.getModelMarkers({ resource: model.uri }) : [];
        const errors = markers.filter((marker) => marker.severity === monaco.MarkerSeverity.Error).length;
        const warnings = markers.filter((marker) => marker.severity === monaco.MarkerSeverity.Warning).length;
        const words = [errors > 0 ? many(errors, "error") : null, warnings > 0 ? many(warnings, "warning") : null].filter((word) => word !== null);
        this.#problems.replaceChildren(icon(errors > 0 ? "circle-x" : warnings > 0 ? "triangle-alert" : "circle-check"), words.join(", ") || "No problems");
        this.#problems.className = `bar-button ${errors > 0 ? "failed" : warnings > 0 ? "limit" : ""}`;
    }
}

function many(count: number, word: string): string {
    return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function draftWords(state: DraftState, resolve: () => void, again: () => void): (Node | string)[] {
    switch (state.kind) {
        case "saved":
            return [icon("check"), "Draft saved"];
        case "changed":
            return [icon("pencil"), "Not saved yet"];
        case "saving":
            return [icon("loader"), "Saving…"];
        case "read_only":
            return [icon("lock"), "To be read only: changing it needs the permission scripts.write"];
        case "stale":
            return [icon("triangle-alert"), "Somebody else saved this draft. ", pressed("Compare", resolve)];
        case "refused":
            return [icon("circle-alert"), `Not saved. ${state.why} `, pressed("Try again", again)];
    }
}

function pressed(word: string, act: () => void): HTMLElement {
    const button = element("button", { type: "button", class: "link" }, word);
    button.addEventListener("click", act);
    return button;
}
