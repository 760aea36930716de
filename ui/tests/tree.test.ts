import assert from "node:assert/strict";
import { test } from "node:test";

import { fits } from "../src/matching.ts";
import { pretty, summary } from "../src/json-text.ts";

test("a value is told in a few words", () => {
    const values: [unknown, string][] = [
        [[], "0 items"],
        [[1], "1 item"],
        [{ a: 1 }, "1 member"],
        [{ a: 1, b: 2 }, "2 members"],
        ["ab", "text, 2 characters"],
        [null, "null"],
        [1, "number"],
        [true, "boolean"],
    ];
    for (const [value, wanted] of values) assert.equal(summary(value), wanted);
});

test("JSON is written with a line for each member, unless that would change its numbers", () => {
    assert.equal(pretty('{"a":1,"id":"12345678901234567890 \\" 1"}'), '{\n  "a": 1,\n  "id": "12345678901234567890 \\" 1"\n}');
    assert.equal(pretty('{"id":12345678901234567890}'), null);
    assert.equal(pretty("no JSON"), null);
});

test("each word that is typed stands in what is found", () => {
    assert.ok(fits("Go to Dead letters", "dead go"));
    assert.ok(fits("anything", ""));
    assert.ok(!fits("Scripts", "script runs"));
});
