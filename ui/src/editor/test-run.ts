// Test: the source in the editor, saved or not, is run as it is, with the tester's own rights. What it writes goes nowhere.

import { ask, type Answer, inWords, type Problem } from "./api.ts";
import { announce, badge, byId, element } from "./dom.ts";
import { showNeeded } from "./needed.ts";
import { callsPart, type Failure, headline, limitsPart, logPart, part, type Place, placeOf, resultPart, type TestRun } from "./outcome.ts";
import type { PageState } from "./page.ts";
import { duration, shown } from "./plain.ts";

/** How often the time of a run that goes on is shown anew. */
const TICK_MS = 100;

/** What a test needs of the page around it. */
export interface TestOptions {
    page: PageState;
    source: () => string;
    input: () => string | null;
    /** The source did not compile. */
    refused: (problem: Problem) => void;
    /** It failed in the author's code, or it did not (`null`). */
    failed: (failure: Failure | null, place: Place | null) => void;
    open: (place: Place) => void;
}

/** The test's part of the page. */
export class TestPanel {
    #options: TestOptions;
    #running: AbortController | null = null;
    #button = byId<HTMLButtonElement>("test-run");
    #outcome = byId("test-outcome");
    #state = byId("test-state");

    constructor(options: TestOptions) {
        this.#options = options;
        this.#button.addEventListener("click", () => void this.press());
    }

    /** Run, or stop waiting for the run that goes on. */
    async press(): Promise<void> {
        if (this.#running) {
            this.#running.abort();
            return;
        }
        if (this.#button.disabled) return;
        const input = this.#options.input();
        if (input === null) {
            announce("The test was not run: the input is not right.");
            return;
        }
        const running = new AbortController();
        this.#running = running;
        const ticking = this.#tick();
        const answer = await this.#send(input, running.signal);
        window.clearInterval(ticking);
        this.#running = null;
        this.#label("Test");
        if (answer.ok) this.#show(answer.value);
        else this.#tell(answer.problem);
    }

    #send(input: string, signal: AbortSignal): Promise<Answer<TestRun>> {
        const { page, source } = this.#options;
        const rest = {
            source: source(),
            language: page.script.language,
            with_effects: byId<HTMLInputElement>("test-effects").checked,
        };
        // The input goes as it was typed, to the last digit.
        const json = `{"input":${input},${JSON.stringify(rest).slice(1)}`;
        return ask<TestRun>(`/api/v1/scripts/${page.script.id}/test`, { method: "POST", json, signal });
    }

    /** Show that it runs, and for how long. */
    #tick(): number {
        const began = performance.now();
        const show = () => {
            const time = element("span", { class: "num" }, duration((performance.now() - began) * 1_000));
            this.#state.replaceChildren(badge("running", "Running"), " ", time);
        };
        this.#label("Stop");
        announce("The test runs.");
        show();
        return window.setInterval(show, TICK_MS);
    }

    #label(word: string): void {
        this.#button.querySelector("[data-label]")!.textContent = word;
        this.#button.classList.toggle("danger", word === "Stop");
    }

    #tell(problem: Problem): void {
        const stopped = problem.code === "stopped";
        const why = stopped ? "You stopped waiting. The run ends by itself at its limits." : inWords(problem);
        this.#state.replaceChildren(element("p", { class: stopped ? "notice info" : "notice danger", role: stopped ? false : "alert" }, why));
        if (!stopped) announce(why);
        if (problem.diagnostics) this.#options.refused(problem);
    }

    #show(run: TestRun): void {
        const { page, open, failed } = this.#options;
        failed(run.error, run.error ? placeOf(run.error) : null);
        this.#state.replaceChildren(headline(run, open));
        const parts = [
            run.error ? errorPart(run.error) : resultPart(run.result, page.script.kind === "endpoint"),
            logPart(run.logs),
            callsPart(run.calls, run.duration_us),
            limitsPart(run, page.limits),
        ];
        const needed = run.capabilities_needed ? showNeeded(page, run) : null;
        this.#outcome.replaceChildren(...(needed ? [needed] : []), ...parts);
        announce(`The test ended: ${this.#state.textContent ?? run.status}`);
    }
}

/** The error with its frames. */
export function errorPart(failure: Failure): HTMLElement {
    const stack = failure.stack.trim();
    const frames = stack === "" ? null : element("pre", { class: "code", tabindex: 0, "aria-label": "Stack" }, shown(stack));
    return part("Error", element("p", {}, element("code", {}, shown(`${failure.name}: ${failure.message}`)), " ", element("span", { class: "muted" }, failure.kind)), frames);
}
