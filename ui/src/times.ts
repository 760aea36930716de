// Keeps relative times right while a page stands open. The words are those that the server writes.

import { all } from "./dom.ts";

const EVERY_MS = 10_000;

const STEPS = [
    [31_536_000, "year"],
    [2_592_000, "month"],
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
] as const;

/** The distance between two moments in milliseconds, in its largest unit: `3 minutes ago`, `in 2 hours`. */
export function relative(at: number, now: number): string {
    const seconds = Math.trunc((now - at) / 1_000);
    const distance = Math.abs(seconds);
    const step = STEPS.find(([size]) => distance >= size);
    if (!step) return distance < 10 ? "now" : seconds > 0 ? "a moment ago" : "in a moment";
    const count = Math.trunc(distance / step[0]);
    const words = `${count} ${step[1]}${count === 1 ? "" : "s"}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
}

/** Writes the times of the page again now and then. A time without a title is no relative one. */
export function startTimes(): void {
    const update = (): void => {
        const now = Date.now();
        for (const time of all<HTMLTimeElement>("time[datetime][title]:not([data-fixed])")) {
            const at = Date.parse(time.dateTime);
            const text = relative(at, now);
            if (!Number.isNaN(at) && time.textContent !== text) time.textContent = text;
        }
    };
    setInterval(() => document.hidden || update(), EVERY_MS);
    document.addEventListener("visibilitychange", () => document.hidden || update());
    document.addEventListener("htmx:afterSettle", update);
}
