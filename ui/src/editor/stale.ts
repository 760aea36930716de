// Two people, or two tabs, wrote the same draft: both are shown side by side, and whoever looks at them decides. Nothing is
// thrown away before that.

import { announce, byId } from "./dom.ts";
import { showDiff } from "./diffs.ts";
import type { Draft, DraftView } from "./drafts.ts";
import type { monaco } from "./monaco.ts";

/** What the dialog needs of the page around it. */
export interface StaleOptions {
    draft: Draft;
    source: () => string;
    replace: (text: string) => void;
}

/** The dialog. */
export class StaleDialog {
    #options: StaleOptions;
    #dialog = byId<HTMLDialogElement>("stale-dialog");
    #diff: monaco.editor.IStandaloneDiffEditor | null = null;
    #theirs: DraftView | null = null;

    constructor(options: StaleOptions) {
        this.#options = options;
        byId("stale-theirs").addEventListener("click", () => this.#take((theirs) => theirs.source, "The saved draft is in the editor."));
        byId("stale-mine").addEventListener("click", () => this.#take(() => this.#merged(), "Your text goes over the saved draft."));
        this.#dialog.addEventListener("close", () => {
            this.#diff?.dispose();
            this.#diff = null;
        });
    }

    /** Show both drafts. The right one is the author's own, and can be changed there. */
    open(theirs: DraftView): void {
        this.#theirs = theirs;
        if (this.#dialog.open) return;
        this.#dialog.showModal();
        const right = { label: "Your text", source: this.#options.source() };
        this.#diff = showDiff(byId("stale-diff"), { label: `Saved draft, revision ${theirs.revision}`, source: theirs.source }, right, () => {});
        announce("Somebody else saved this draft meanwhile. Both are shown side by side.");
    }

    #merged(): string {
        return this.#diff?.getModifiedEditor().getValue() ?? this.#options.source();
    }

    #take(text: (theirs: DraftView) => string, words: string): void {
        if (!this.#theirs) return;
        const taken = text(this.#theirs);
        this.#options.replace(taken);
        this.#options.draft.rebase(this.#theirs);
        this.#dialog.close();
        announce(words);
    }
}
