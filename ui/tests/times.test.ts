import assert from "node:assert/strict";
import { test } from "node:test";

import { relative } from "../src/times.ts";

test("a distance is said in its largest unit, in the server's words", () => {
    const now = 1_800_000_000_000;
    const words: [number, string][] = [
        [0, "now"],
        [-9, "now"],
        [30, "a moment ago"],
        [-30, "in a moment"],
        [60, "1 minute ago"],
        [7_300, "2 hours ago"],
        [-86_400, "in 1 day"],
        [45 * 86_400, "1 month ago"],
        [400 * 86_400, "1 year ago"],
    ];
    for (const [seconds, wanted] of words) assert.equal(relative(now - seconds * 1_000, now), wanted);
});
