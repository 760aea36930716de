// What a replay came to, in the execution's own dialog: `<dialog data-replay>` with a `[data-replay-outcome]`.

import type { Answer } from "./api.ts";
import { open } from "./dialogs.ts";
import { find, icon, make } from "./dom.ts";
import { jsonView } from "./tree.ts";

/** What the API answers to a replay, as far as it is shown. */
interface Replay {
    equal: boolean;
    result_equal: boolean;
    logs_equal: boolean;
    fuel_equal: boolean | null;
    difference: string | null;
    result: unknown;
    error: { message: string } | null;
}

/** Shows the outcome of each replay that is asked for on the page. */
export function startReplays(): void {
    document.addEventListener("skerry:replayed", (event) => {
        const answer = (event as CustomEvent<Extract<Answer, { kind: "done" }>>).detail;
        const dialog = find<HTMLDialogElement>("dialog[data-replay]");
        const place = dialog && find("[data-replay-outcome]", dialog);
        if (!dialog || !place) return;
        place.replaceChildren(...outcome(answer.value as Replay));
        place.classList.add("stack");
        open(dialog);
    });
}

function outcome(replay: Replay): HTMLElement[] {
    const words = replay.equal
        ? "It did the same as then: result, log and calls are equal."
        : `It did something else than then${replay.difference ? `: ${replay.difference}` : ""}.`;
    const verdict = make("div", { class: `notice ${replay.equal ? "info" : "warning"}` }, icon(replay.equal ? "circle-check" : "triangle-alert"), make("p", {}, words));
    const facts = make("dl", { class: "facts" });
    const add = (word: string, isEqual: boolean | null): void => {
        facts.append(make("dt", {}, word), make("dd", {}, isEqual === null ? "not comparable" : isEqual ? "equal" : "different"));
    };
    add("Result", replay.result_equal);
    add("Log", replay.logs_equal);
    add("Fuel", replay.fuel_equal);
    const ended = replay.error ? make("pre", { class: "code" }, replay.error.message) : jsonView(replay.result, { label: "Result of the replay" });
    return [verdict, facts, ended];
}
