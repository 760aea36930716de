// The code's page: the editor, its draft, the checks, the test beside it, and what the keys do.

import { Draft, type DraftState } from "./drafts.ts";
import { Bar } from "./bar.ts";
import { Checks, mark } from "./checks.ts";
import { DeployDialog } from "./deploying.ts";
import { announce, byId, element, maybe } from "./dom.ts";
import { FailureMark } from "./failure-mark.ts";
import { Inputs } from "./inputs.ts";
import { addressOf, type Editor, makeModel, monaco, SHARED_OPTIONS } from "./monaco.ts";
import type { Place } from "./outcome.ts";
import type { PageState } from "./page.ts";
import { ReplayPanel } from "./replaying.ts";
import { StaleDialog } from "./stale.ts";
import { TestPanel, type TestOptions } from "./test-run.ts";

/** Escape closes these first. */
const NOTHING_TO_CLOSE = [
    "suggestWidgetVisible",
    "findWidgetVisible",
    "parameterHintsVisible",
    "renameInputVisible",
    "inSnippetMode",
    "editorHasMultipleSelections",
    "markersNavigationVisible",
    "referenceSearchVisible",
    "codeActionMenuVisible",
    "inQuickOpen",
]
    .map((open) => `!${open}`)
    .join(" && ");

/** Start the page. */
export function startWorkbench(page: PageState): void {
    const editor = makeEditor(page);
    const bench = new Workbench(page, editor);
    bench.start();
}

function makeEditor(page: PageState): Editor {
    const { name, language } = page.script;
    const model = makeModel(page.source, language, addressOf(name, language));
    const editor = monaco.editor.create(byId("editor-code"), {
        ...SHARED_OPTIONS,
        model,
        readOnly: !page.may.write,
        readOnlyMessage: { value: "Changing it needs the permission scripts.write." },
        ariaLabel: `Source of ${name}. Press Escape, then Tab, to leave the editor.`,
        formatOnPaste: false,
        stickyScroll: { enabled: false },
        suggest: { showWords: false },
    });
    byId("editor-plain").remove();
    return editor;
}

class Workbench {
    #page: PageState;
    #editor: Editor;
    #draft: Draft;
    #bar: Bar;
    #stale: StaleDialog;
    #deploy: DeployDialog;
    #checks: Checks;
    #failure: FailureMark;
    #test: TestPanel;
    #replay: ReplayPanel | null;
    #inputs: Inputs;

    constructor(page: PageState, editor: Editor) {
        this.#page = page;
        this.#editor = editor;
        this.#bar = new Bar(editor);
        this.#failure = new FailureMark(editor);
        this.#inputs = new Inputs(page);
        const { script, user, revision, source } = page;
        this.#draft = new Draft({
            script: script.id,
            user,
            revision,
            language: script.language,
            source,
            mayWrite: page.may.write,
            text: () => editor.getValue(),
            changed: (state) => this.#showDraft(state),
        });
        this.#stale = new StaleDialog({ draft: this.#draft, source: () => editor.getValue(), replace: (text) => this.#replace(text) });
        this.#deploy = new DeployDialog({ page, draft: this.#draft, source: () => editor.getValue() });
        this.#checks = new Checks(editor.getModel()!, script.language, (checked) => this.#inputs.setSchema(checked.input_schema));
        const options = this.#testOptions();
        this.#test = new TestPanel(options);
        this.#replay = page.replay ? new ReplayPanel(options, page.replay.execution) : null;
    }

    start(): void {
        this.#showDraft(this.#draft.state);
        this.#takeUpLeft();
        this.#editor.onDidChangeModelContent(() => {
            this.#failure.clear();
            this.#draft.touch();
            if (this.#page.may.write) this.#checks.touch();
        });
        if (this.#page.may.write) void this.#checks.check();
        this.#keys();
        this.#escapeLetsTabLeave();
        this.#warnBeforeLeaving();
        byId("format").addEventListener("click", () => void this.#format());
        if (this.#page.line) this.#open({ line: this.#page.line, column: 1 });
        else this.#editor.focus();
        document.documentElement.dataset["editor"] = "ready";
    }

    #testOptions(): TestOptions {
        return {
            page: this.#page,
            source: () => this.#editor.getValue(),
            input: () => this.#inputs.read(),
            refused: (problem) => mark(this.#editor.getModel()!, problem.diagnostics ?? []),
            failed: (failure, place) => this.#failure.show(failure, place),
            open: (place) => this.#open(place),
        };
    }

    #showDraft(state: DraftState): void {
        // A draft that does not compile is marked where it does not.
        if (state.kind === "refused" && state.problem.diagnostics) mark(this.#editor.getModel()!, state.problem.diagnostics);
        const resolve = () => state.kind === "stale" && this.#stale.open(state.theirs);
        this.#bar.draft(state, resolve, () => void this.#draft.save());
    }

    /** What this tab typed and could not save comes back, and says so. */
    #takeUpLeft(): void {
        const left = this.#draft.left();
        const notice = maybe("draft-left");
        if (!left || !notice || !this.#page.may.write) return;
        const theirs = this.#editor.getValue();
        this.#replace(left.source);
        this.#draft.touch();
        const words = "What you typed before and could not be saved is back.";
        const undo = element("button", { type: "button", class: "button quiet" }, "Show the saved draft instead");
        const keep = element("button", { type: "button", class: "button quiet" }, "Keep it");
        undo.addEventListener("click", () => {
            this.#replace(theirs);
            this.#draft.forget();
            notice.hidden = true;
        });
        keep.addEventListener("click", () => (notice.hidden = true));
        notice.replaceChildren(words, " ", keep, undo);
        notice.hidden = false;
        announce(words);
    }

    /** Put another text into the editor, so that undoing brings the one before back. */
    #replace(text: string): void {
        const model = this.#editor.getModel();
        if (!model || model.getValue() === text) return;
        this.#editor.pushUndoStop();
        model.pushEditOperations([], [{ range: model.getFullModelRange(), text }], () => null);
        this.#editor.pushUndoStop();
    }

    #open(place: Place): void {
        const position = { lineNumber: place.line, column: place.column };
        this.#editor.setPosition(position);
        this.#editor.revealPositionInCenter(position);
        this.#editor.focus();
    }

    async #format(): Promise<void> {
        await this.#editor.getAction("editor.action.formatDocument")?.run();
        announce("The source is formatted.");
    }

    /** The same keys in the editor, in the input and on the rest of the page. */
    #keys(): void {
        const { CtrlCmd, Shift } = monaco.KeyMod;
        const { Enter, KeyS, KeyF } = monaco.KeyCode;
        const run = () => void (this.#replay ? this.#replay.run() : this.#test.press());
        const deploy = () => void this.#deploy.open();
        // Monaco knows these keys in every editor of the page, whichever they are added to.
        this.#editor.addCommand(CtrlCmd | Enter, run);
        this.#editor.addCommand(CtrlCmd | KeyS, deploy);
        this.#editor.addCommand(CtrlCmd | Shift | KeyF, () => void this.#format());
        document.addEventListener("keydown", (event) => {
            if (event.defaultPrevented || !(event.ctrlKey || event.metaKey) || event.altKey) return;
            if (document.querySelector("dialog[open]")) return;
            if (event.key === "Enter") run();
            else if (event.key.toLowerCase() === "s" && !event.shiftKey) deploy();
            else return;
            event.preventDefault();
        });
    }

    /** Escape gives Tab back to the page, until the editor is left. */
    #escapeLetsTabLeave(): void {
        const editors = [this.#editor, this.#inputs.editor];
        const say = (text: string) => (byId("tab-hint").textContent = text);
        const leave = () => {
            editors.find((editor) => editor.hasTextFocus())?.updateOptions({ tabFocusMode: true });
            say("Tab leaves the editor now");
            announce("Tab leaves the editor now.");
        };
        this.#editor.addCommand(monaco.KeyCode.Escape, leave, NOTHING_TO_CLOSE);
        for (const editor of editors) {
            editor.onDidBlurEditorWidget(() => {
                editor.updateOptions({ tabFocusMode: false });
                say("Esc, then Tab leaves the editor");
            });
        }
    }

    /** What is not saved is kept in the tab; whoever closes that is asked. */
    #warnBeforeLeaving(): void {
        window.addEventListener("beforeunload", (event) => {
            if (this.#page.may.write && !this.#draft.isSaved) event.preventDefault();
        });
        document.addEventListener("visibilitychange", () => {
            if (document.visibilityState === "hidden") void this.#draft.save();
        });
        window.addEventListener("online", () => void this.#draft.save());
    }
}

