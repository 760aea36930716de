// A log that is followed while its execution goes on: `<div class="log" data-log-stream="/api/v1/executions/ID/logs">`.
// Each line is text, with what a script wrote in it.

import { each, find, make, on } from "./dom.ts";
import { listen, type ServerEvent } from "./sse.ts";
import { refresh } from "./refresh.ts";

/** The oldest lines go where there are more: a page with a hundred thousand lines is no use to anybody. */
const MOST_LINES = 5_000;

interface Line {
    level: string;
    message: string;
    offset_ms: number;
}

/** Follows each log of the page that still grows, and listens to the choice of levels. */
export function startLogStreams(): void {
    each("[data-log-stream]", follow);
    on("change", "select[data-log-level]", (element) => {
        const log = find(`#${CSS.escape(element.dataset["logLevel"] ?? "")}`);
        if (log) log.dataset["level"] = (element as HTMLSelectElement).value;
    });
}

/** Follows one log into its element until it ends. */
function follow(log: HTMLElement): void {
    const state = find(log.dataset["logState"] ?? "") ?? null;
    const say = (text: string): void => {
        if (state) state.textContent = text;
    };
    log.replaceChildren();
    say("Following");
    const end = listen(log.dataset["logStream"] ?? "", {
        event: (event) => {
            if (!log.isConnected) return end();
            take(log, event, say, () => end());
        },
        broken: () => say("The connection is lost; trying again"),
        opened: () => say("Following"),
        refused: (status) => say(status === 401 ? "You are signed out: sign in in another tab, then read the page again" : "The log may not be seen"),
    });
}

function take(log: HTMLElement, event: ServerEvent, say: (text: string) => void, end: () => void): void {
    switch (event.name) {
        case "line":
            append(log, lineOf(JSON.parse(event.data) as Line));
            break;
        case "anew":
            log.replaceChildren(make("div", { class: "line anew" }, "It begins once more: another attempt, or what it had read was changed."));
            break;
        case "end":
            end();
            say("It has ended");
            if (log.dataset["then"]) void refresh(log.dataset["then"]);
            break;
        case "forbidden":
            end();
            say("You may not see more of it");
            break;
        case "stopping":
            say("The server stops; trying again");
            break;
        case "failed":
            end();
            say("The server cannot read on; read the page again");
            break;
    }
}

/** One line as an element, as the server renders it. */
export function lineOf(line: Line): HTMLElement {
    const level = ["debug", "info", "warn", "error"].includes(line.level) ? line.level : "log-line";
    return make(
        "div",
        { class: `line ${level}` },
        make("span", { class: "at" }, `${line.offset_ms} ms`),
        make("span", { class: "level" }, line.level),
        make("span", { class: "message" }, line.message),
    );
}

/** Adds a line; who has scrolled up stays where he is. */
function append(log: HTMLElement, line: HTMLElement): void {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(line);
    while (log.childElementCount > MOST_LINES) log.firstElementChild?.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
}
