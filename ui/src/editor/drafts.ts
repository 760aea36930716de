// The draft of a script: saved by itself a moment after the last change, over the revision that was seen, and kept in this
// tab until the server has it. So nothing typed is lost when the session ends, the server is gone, the source does not
// compile yet, or somebody else was faster.

import { type Answer, type Diagnostic, ask, inWords, type Problem } from "./api.ts";
import { type Language, revisionOf, tagOf } from "./page.ts";

/** How long a draft rests before it is saved: a pause in typing, and short enough that a reload loses nothing. */
const REST_MS = 1_200;
/** How long to wait for a server that does not answer, at first and at most. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 30_000;

/** A draft as the API has it. */
export interface DraftView {
    revision: number;
    language: Language;
    source: string;
    warnings: Diagnostic[];
}

/** How the draft stands. */
export type DraftState =
    | { kind: "saved" }
    | { kind: "changed" }
    | { kind: "saving" }
    | { kind: "refused"; why: string; problem: Problem }
    | { kind: "stale"; theirs: DraftView }
    | { kind: "read_only" };

/** What a draft is saved from, and whom it tells. */
export interface DraftOptions {
    script: string;
    user: string;
    revision: number;
    language: Language;
    source: string;
    mayWrite: boolean;
    /** The text in the editor. */
    text: () => string;
    /** Told of each change of the state. */
    changed: (state: DraftState) => void;
}

/** What is kept in the tab. */
interface Kept {
    revision: number;
    source: string;
}

export class Draft {
    #options: DraftOptions;
    #revision: number;
    #saved: string;
    #state: DraftState;
    #timer: ReturnType<typeof setTimeout> | undefined;
    #pause = RETRY_MS;
    #saving: Promise<boolean> | null = null;

    constructor(options: DraftOptions) {
        this.#options = options;
        this.#revision = options.revision;
        this.#saved = options.source;
        this.#state = options.mayWrite ? { kind: "saved" } : { kind: "read_only" };
    }

    get state(): DraftState {
        return this.#state;
    }

    /** The revision that the server has, as far as is known. */
    get revision(): number {
        return this.#revision;
    }

    get tag(): string {
        return tagOf(this.#revision);
    }

    /** Whether the editor has what the server has. */
    get isSaved(): boolean {
        return this.#options.text() === this.#saved;
    }

    /** What an earlier visit of this tab typed and could not save; `null` where there is nothing like that. */
    left(): Kept | null {
        try {
            const kept = JSON.parse(sessionStorage.getItem(this.#key) ?? "null") as Kept | null;
            return kept && typeof kept.source === "string" && kept.source !== this.#saved ? kept : null;
        } catch {
            return null;
        }
    }

    /** Forget what an earlier visit left. */
    forget(): void {
        sessionStorage.removeItem(this.#key);
    }

    /** The text was changed: keep it here, and save it when the typing rests. */
    touch(): void {
        if (!this.#options.mayWrite) return;
        if (this.isSaved) {
            this.forget();
            if (this.#state.kind !== "stale") this.#tell({ kind: "saved" });
            return;
        }
        this.#keep();
        if (this.#state.kind === "stale") return;
        this.#tell({ kind: "changed" });
        this.#later(REST_MS);
    }

    /** Save now. Answers whether the server has what the editor has. */
    async save(): Promise<boolean> {
        clearTimeout(this.#timer);
        if (!this.#options.mayWrite || this.isSaved) return this.isSaved;
        if (this.#state.kind === "stale") return false;
        // One at a time: what was typed meanwhile is saved after it.
        if (this.#saving) {
            await this.#saving;
            return this.save();
        }
        this.#saving = this.#send();
        const saved = await this.#saving;
        this.#saving = null;
        return saved;
    }

    /** Go on from the draft that somebody else saved; `text` is what the editor has then. */
    rebase(theirs: DraftView): void {
        this.#revision = theirs.revision;
        this.#saved = theirs.source;
        this.#tell({ kind: "changed" });
        this.touch();
    }

    async #send(): Promise<boolean> {
        const source = this.#options.text();
        this.#tell({ kind: "saving" });
        const answer = await ask<DraftView>(this.#address, {
            method: "PUT",
            ifMatch: this.tag,
            body: { source, language: this.#options.language },
        });
        if (answer.ok) return this.#settle(source, answer);
        await this.#refused(answer.problem);
        return false;
    }

    #settle(source: string, answer: Answer<DraftView> & { ok: true }): boolean {
        this.#revision = revisionOf(answer.etag) ?? answer.value.revision;
        this.#saved = source;
        this.#pause = RETRY_MS;
        if (this.isSaved) {
            this.forget();
            this.#tell({ kind: "saved" });
            return true;
        }
        this.#tell({ kind: "changed" });
        this.#later(REST_MS);
        return false;
    }

    async #refused(problem: Problem): Promise<void> {
        if (problem.code === "stale") {
            const theirs = await ask<DraftView>(this.#address);
            if (theirs.ok) {
                // Two tabs that typed the same have no quarrel.
                if (theirs.value.source === this.#options.text()) this.rebase(theirs.value);
                else this.#tell({ kind: "stale", theirs: theirs.value });
                return;
            }
            problem = theirs.problem;
        }
        const why = problem.code === "source" ? atLine(problem) : inWords(problem);
        this.#tell({ kind: "refused", why, problem });
        if (mayGoAway(problem)) {
            this.#later(this.#pause);
            this.#pause = Math.min(this.#pause * 2, RETRY_MS_MAX);
        }
    }

    #later(ms: number): void {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.save(), ms);
    }

    #keep(): void {
        const kept: Kept = { revision: this.#revision, source: this.#options.text() };
        try {
            sessionStorage.setItem(this.#key, JSON.stringify(kept));
        } catch {
            // A tab that has no room for it still has the editor.
        }
    }

    #tell(state: DraftState): void {
        this.#state = state;
        this.#options.changed(state);
    }

    get #address(): string {
        return `/api/v1/scripts/${this.#options.script}/draft`;
    }

    /** The person's name is in it: who signs in after somebody else in one tab is not shown what that one typed. */
    get #key(): string {
        return `skerry-draft ${this.#options.user} ${this.#options.script}`;
    }
}

/** Whether asking again later may help. */
export function mayGoAway(problem: Problem): boolean {
    return problem.status === 0 || problem.status === 429 || problem.status >= 500 || problem.code === "unauthenticated";
}

/** A refusal of the compiler, with the line that it is about. */
export function atLine(problem: Problem): string {
    const first = problem.diagnostics?.find((diagnostic) => diagnostic.severity === "error");
    return first ? `Line ${first.line} does not compile: ${first.message}` : inWords(problem);
}
