// Fix and replay: the edited source is run against the journal of an execution that took place. It is given the recorded
// answers, sends nothing and writes nothing, and the first thing that it does otherwise is shown.

import { ask, inWords, sentence } from "./api.ts";
import { announce, badge, byId, element } from "./dom.ts";
import { jsonView } from "../tree.ts";
import { type Failure, failureWords, logPart, type LogLine, part, type Place, placeOf, resultPart } from "./outcome.ts";
import type { PageState } from "./page.ts";
import { about, shown } from "./plain.ts";
import { errorPart, type TestOptions } from "./test-run.ts";

interface AskedCall {
    name: string;
    arguments: unknown;
}

/** How a replay compares. */
interface Replay {
    equal: boolean;
    result_equal: boolean;
    logs_equal: boolean;
    difference: string | null;
    first_different_call: { number: number; recorded: AskedCall | null; asked: AskedCall | null } | null;
    fuel: number;
    recorded_fuel: number | null;
    result: unknown;
    error: Failure | null;
    logs: LogLine[];
}

/** The replay's part of the page. */
export class ReplayPanel {
    #options: TestOptions;
    #execution: string;
    #button = byId<HTMLButtonElement>("replay-run");
    #state = byId("replay-state");
    #outcome = byId("replay-outcome");

    constructor(options: TestOptions, execution: string) {
        this.#options = options;
        this.#execution = execution;
        this.#button.addEventListener("click", () => void this.run());
    }

    /** Run the source in the editor against the journal. */
    async run(): Promise<void> {
        if (this.#button.disabled) return;
        const { page, source, refused } = this.#options;
        this.#button.disabled = true;
        this.#state.replaceChildren(badge("running", "Replaying"));
        const answer = await ask<Replay>(`/api/v1/executions/${this.#execution}/replay`, {
            method: "POST",
            body: { source: source(), language: page.script.language },
        });
        this.#button.disabled = false;
        if (answer.ok) {
            this.#show(page, answer.value);
            return;
        }
        const why = inWords(answer.problem);
        this.#state.replaceChildren(element("p", { class: "notice danger", role: "alert" }, why));
        if (answer.problem.diagnostics) refused(answer.problem);
    }

    #show(page: PageState, replay: Replay): void {
        const { open, failed } = this.#options;
        failed(replay.error, replay.error ? placeOf(replay.error) : null);
        this.#state.replaceChildren(...verdict(replay, open));
        const fuel = replay.recorded_fuel === null ? "" : `, ${about(replay.recorded_fuel)} when it was recorded`;
        this.#outcome.replaceChildren(
            ...(replay.first_different_call ? [differencePart(replay.first_different_call)] : []),
            replay.error ? errorPart(replay.error) : resultPart(replay.result, page.script.kind === "endpoint"),
            logPart(replay.logs),
            element("p", { class: "muted" }, `Fuel: ${about(replay.fuel)}${fuel}.`),
        );
        announce(`The replay ended: ${this.#state.textContent ?? ""}`);
    }
}

/** What the replay means, in a sentence. */
function verdict(replay: Replay, open: (place: Place) => void): HTMLElement[] {
    const failing = replay.error ? element("p", {}, badge("failed", "Fails"), " ", ...failureWords(replay.error, open)) : null;
    const first = replay.equal
        ? element("p", {}, badge("neutral", "The same"), " It does what the recorded run did, to the last call.")
        : element("p", {}, badge("running", "Differs"), ` ${sentence(shown(replay.difference ?? "It ends otherwise than the recorded run"))}`);
    return failing ? [first, failing] : [first];
}

function differencePart({ number, recorded, asked }: NonNullable<Replay["first_different_call"]>): HTMLElement {
    const side = (title: string, call: AskedCall | null, ended: string) =>
        element(
            "div",
            { class: "stack" },
            element("h4", {}, title),
            call ? element("code", {}, shown(call.name)) : element("p", { class: "muted" }, ended),
            call ? jsonView(call.arguments, { label: `${title}: arguments` }) : null,
        );
    return part(
        `First difference: host call ${number}`,
        element("div", { class: "split" }, side("Recorded", recorded, "It had ended."), side("Your source", asked, "It has ended.")),
        asked && !recorded
            ? element("p", { class: "help" }, "Nothing was recorded for this call, so the replay ends here. A test runs on.")
            : null,
    );
}
