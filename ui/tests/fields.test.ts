import assert from "node:assert/strict";
import { test } from "node:test";

import { Unreadable, assemble, changed, controlOf, fill, sentence, valueOf, type Entry } from "../src/fields.ts";

const entry = (name: string, value: Entry["value"], more: Partial<Entry> = {}): Entry => ({ name, value, as: "text", empty: "left-out", ...more });

test("a dotted name is a member of members", () => {
    const body = assemble([entry("limits.fuel", "5", { as: "number" }), entry("limits.memory", "2", { as: "mebibytes" }), entry("name", "a")]);
    assert.deepEqual(body, { limits: { fuel: 5, memory: 2_097_152 }, name: "a" });
});

test("a form's values stand over its constant members, which stay as they are", () => {
    const constant = { kind: "cron", limits: { fuel: 1 } };
    assert.deepEqual(assemble([entry("limits.memory", "x")], constant), { kind: "cron", limits: { fuel: 1, memory: "x" } });
    assert.deepEqual(constant, { kind: "cron", limits: { fuel: 1 } });
});

test("a name cannot reach what all objects share", () => {
    const body = assemble([entry("__proto__.polluted", "yes"), entry("constructor.prototype.polluted", "yes")]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
    assert.deepEqual(Object.keys(body), ["constructor"]);
});

test("an empty control is left out, null, or kept, as it says", () => {
    assert.deepEqual(assemble([entry("a", ""), entry("b", " ", { empty: "null" }), entry("c", "", { empty: "kept" })]), { b: null, c: "" });
    assert.deepEqual(valueOf(entry("a", "", { as: "lines", empty: "kept" })), []);
    assert.equal(valueOf(entry("a", "\n", { as: "lines" })), undefined);
});

test("texts become the values of their kinds", () => {
    const values: [Entry["as"], string, unknown][] = [
        ["text", " kept ", " kept "],
        ["number", " 1 000.5 ", 1000.5],
        ["json", '{"a":[1,null]}', { a: [1, null] }],
        ["boolean", "true", true],
        ["boolean", "false", false],
        ["lines", "a\n\n b c \r\n", ["a", "b c"]],
        ["words", "a, b  c\nd", ["a", "b", "c", "d"]],
        ["pairs", "X-Key: a:b\nOther:", { "X-Key": "a:b", Other: "" }],
        ["seconds", "1.5", 1_500],
        ["minutes", "2", 120_000],
        ["hours", "1", 3_600_000],
        ["days", "1", 86_400_000],
        ["kibibytes", "4", 4_096],
        ["moment", "2026-11-23T08:00:00Z", "2026-11-23T08:00:00.000Z"],
    ];
    for (const [as, text, wanted] of values) assert.deepEqual(valueOf(entry("x", text, { as })), wanted, `${as}: ${text}`);
});

test("a text that is not of its kind names its field", () => {
    for (const [as, text] of [["number", "many"], ["json", "{a:1}"], ["pairs", "no colon"], ["moment", "soon"]] as const) {
        assert.throws(() => valueOf(entry("limits.fuel", text, { as })), (error) => error instanceof Unreadable && error.field === "limits.fuel");
    }
});

test("only what was changed is sent, and what was emptied is null", () => {
    const before = [entry("a", "1"), entry("b", "2"), entry("c", ["x"]), entry("d", true)];
    const now = [entry("a", "1"), entry("b", ""), entry("c", ["x", "y"]), entry("d", false)];
    assert.deepEqual(assemble(changed(before, now)), { b: null, c: ["x", "y"], d: false });
});

test("an error belongs to its control, to the nearest above it, or to the first below", () => {
    const names = ["scopes", "retry.attempts", "retry.delay", "limits", "limits.fuel"];
    assert.equal(controlOf("retry.delay", names), "retry.delay");
    assert.equal(controlOf("scopes[2]", names), "scopes");
    assert.equal(controlOf("limits.fuel.part", names), "limits.fuel");
    assert.equal(controlOf("retry", names), "retry.attempts");
    assert.equal(controlOf("scope", names), undefined);
});

test("an address is filled from the answer, and what is missing becomes nothing", () => {
    const answer = { id: "a/b", script: { name: "x" } };
    assert.equal(fill("/scripts/{id}/{script.name}{none}", answer, encodeURIComponent), "/scripts/a%2Fb/x");
    assert.equal(fill("{toString}", answer), "");
});

test("a detail becomes a sentence", () => {
    assert.equal(sentence("the name is taken"), "The name is taken.");
    assert.equal(sentence("Really?"), "Really?");
    assert.equal(sentence(""), "");
});
