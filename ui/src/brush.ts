// A drawn line of time in which a stretch is chosen by dragging: `data-brush` names the form whose fields get it,
// `data-start` and `data-end` the moments at its ends.

import { byId, each, make } from "./dom.ts";

/** A stretch shorter than this part of the whole was a click. */
const LEAST_PART = 0.01;

/** Lets each marked drawing be brushed. */
export function startBrushes(): void {
    each("[data-brush]", (drawing) => {
        const shade = make("div", { class: "brush", hidden: "" });
        drawing.append(shade);
        drawing.addEventListener("pointerdown", (event) => {
            if (event.button === 0) drag(drawing, shade, event);
        });
        // Its parts are links: one that is dragged is neither followed nor carried away.
        drawing.addEventListener("dragstart", (event) => event.preventDefault());
        drawing.addEventListener("click", (event) => drawing.dataset["brushed"] && event.preventDefault(), { capture: true });
    });
}

function drag(drawing: HTMLElement, shade: HTMLElement, { clientX, pointerId }: PointerEvent): void {
    const box = drawing.getBoundingClientRect();
    const partAt = (x: number): number => Math.min(1, Math.max(0, (x - box.left) / box.width));
    const from = partAt(clientX);
    let to = from;
    delete drawing.dataset["brushed"];
    const move = (event: PointerEvent): void => {
        to = partAt(event.clientX);
        if (Math.abs(to - from) < LEAST_PART) return;
        // Only now, or a click would not reach what was clicked.
        drawing.setPointerCapture(pointerId);
        drawing.dataset["brushed"] = "true";
        shade.hidden = false;
        shade.style.left = `${Math.min(from, to) * 100}%`;
        shade.style.width = `${Math.abs(to - from) * 100}%`;
    };
    const stop = (isDone: boolean): void => {
        listening.abort();
        shade.hidden = true;
        if (isDone && Math.abs(to - from) >= LEAST_PART) choose(drawing, Math.min(from, to), Math.max(from, to));
    };
    const listening = new AbortController();
    const { signal } = listening;
    drawing.addEventListener("pointermove", move, { signal });
    drawing.addEventListener("pointerup", () => stop(true), { signal });
    drawing.addEventListener("pointercancel", () => stop(false), { signal });
    addEventListener("keydown", (event) => event.key === "Escape" && stop(false), { signal });
}

function choose(drawing: HTMLElement, from: number, to: number): void {
    const form = byId(drawing.dataset["brush"]);
    const start = momentOf(drawing.dataset["start"]);
    const end = momentOf(drawing.dataset["end"]);
    if (!(form instanceof HTMLFormElement) || Number.isNaN(start) || Number.isNaN(end)) return;
    setField(form, drawing.dataset["brushFrom"] ?? "from", start + (end - start) * from);
    setField(form, drawing.dataset["brushTo"] ?? "to", start + (end - start) * to);
    form.requestSubmit();
}

/** A moment by RFC 3339, or in milliseconds. */
function momentOf(text: string | undefined): number {
    return /^\d+$/.test(text ?? "") ? Number(text) : Date.parse(text ?? "");
}

function setField(form: HTMLFormElement, name: string, at: number): void {
    const found = form.elements.namedItem(name);
    const field = found instanceof HTMLInputElement ? found : form.appendChild(make("input", { type: "hidden", name }));
    const moment = new Date(Math.round(at));
    if (field.type !== "datetime-local") field.value = moment.toISOString();
    else field.value = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
