// A cron expression while it is typed: its times in words, and the next ten runs. `data-cron` names the place for them; the
// time zone is the form's own field.

import { call } from "./api.ts";
import { byId, find, make, on } from "./dom.ts";

/** How long somebody pauses in typing before the expression is looked at. */
const PAUSE_MS = 250;

/** What the API answers. */
interface Preview {
    timezone: string;
    words: string;
    runs: string[];
}

/** Looks at each expression that is typed, and at those of a dialog when it is opened. */
export function startCron(): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    on("input", "form:has([data-cron]) :is([data-cron], [name=timezone])", (element) => {
        const field = find<HTMLInputElement>("[data-cron]", element.closest("form") ?? document);
        clearTimeout(timer);
        timer = setTimeout(() => void look(field), PAUSE_MS);
    });
    on("focusin", "[data-cron]", (element) => {
        if (!byId(element.dataset["cron"])?.hasChildNodes()) void look(element as HTMLInputElement);
    });
}

async function look(field: HTMLInputElement | null): Promise<void> {
    const place = byId(field?.dataset["cron"]);
    const zone = field?.form?.elements.namedItem("timezone");
    if (!field || !place || !(zone instanceof HTMLInputElement)) return;
    const [expression, timezone] = [field.value, zone.value];
    const answer = await call("POST", "/api/v1/schedules/preview", { body: { expression, timezone } });
    // Something else was typed meanwhile.
    if (field.value !== expression || zone.value !== timezone) return;
    if (answer.kind === "done") {
        place.replaceChildren(...shown(answer.value as Preview));
    } else if (answer.kind === "refused") {
        const { errors, detail } = answer.problem;
        place.replaceChildren(make("p", { class: "error" }, errors.map(({ message }) => message).join(" · ") || detail));
    }
}

function shown({ words, timezone, runs }: Preview): HTMLElement[] {
    const items = runs.map((run) => make("li", {}, make("time", { datetime: run }, run.replace("T", " "))));
    return [make("p", {}, `${words}, ${timezone}`), make("details", { class: "more" }, make("summary", {}, "The next ten"), make("ol", {}, ...items))];
}
