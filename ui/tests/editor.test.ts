// The editor's parts that need no page: the draft and what becomes of it, and how guests' text and numbers are shown.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Draft, type DraftState } from "../src/editor/drafts.ts";
import { joined } from "../src/editor/needed.ts";
import { placeOf } from "../src/editor/outcome.ts";
import { revisionOf, tagOf } from "../src/editor/page.ts";
import { about, bytes, duration, shown } from "../src/editor/plain.ts";

/** What the server answers next, and what it was asked. */
let answers: (() => Response)[] = [];
let asked: { method: string; ifMatch: string | null; body: string }[] = [];
const kept = new Map<string, string>();

const json = (status: number, body: unknown, etag?: string): Response =>
    new Response(JSON.stringify(body), { status, headers: etag ? { etag } : {} });

beforeEach(() => {
    [answers, asked] = [[], []];
    kept.clear();
    globalThis.fetch = (_, init) => {
        const headers = new Headers(init?.headers);
        asked.push({ method: init?.method ?? "GET", ifMatch: headers.get("if-match"), body: String(init?.body ?? "") });
        const answer = answers.shift();
        return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError("nobody there"));
    };
    Object.defineProperty(globalThis, "sessionStorage", {
        configurable: true,
        value: {
            getItem: (key: string) => kept.get(key) ?? null,
            setItem: (key: string, text: string) => void kept.set(key, text),
            removeItem: (key: string) => void kept.delete(key),
        },
    });
});

afterEach(() => Reflect.deleteProperty(globalThis, "sessionStorage"));

/** A draft over a text that the test changes, with every state that it was in. */
function begun(): { draft: Draft; states: string[]; text: { now: string }; last: () => DraftState } {
    const text = { now: "one" };
    const states: DraftState[] = [];
    const draft = new Draft({
        script: "s", user: "u", revision: 3, language: "javascript", source: "one", mayWrite: true,
        text: () => text.now, changed: (state) => void states.push(state),
    });
    return { draft, text, get states() { return states.map(({ kind }) => kind); }, last: () => states.at(-1)! };
}

test("a draft is saved over the revision that was seen, and is known to be saved then", async () => {
    const { draft, text, last } = begun();
    answers = [() => json(200, { revision: 4 }, '"4"')];
    text.now = "two";
    draft.touch();
    assert.equal(kept.size, 1, "it is kept until it is saved");
    assert.equal(await draft.save(), true);
    assert.deepEqual([asked[0]?.ifMatch, draft.revision, last().kind, kept.size], ['"3"', 4, "saved", 0]);
    assert.match(asked[0]?.body ?? "", /"source":"two"/);
});

test("what does not compile is not saved, is kept, and says the line", async () => {
    const { draft, text, last } = begun();
    const diagnostics = [{ severity: "error", message: "Unexpected token", advice: null, line: 7, column: 1 }];
    answers = [() => json(422, { code: "source", detail: "Unexpected token", diagnostics })];
    text.now = "two(";
    draft.touch();
    assert.equal(await draft.save(), false);
    const state = last();
    assert.equal(state.kind === "refused" && state.why, "Line 7 does not compile: Unexpected token");
    assert.equal(draft.revision, 3);
    assert.equal(begun().draft.left()?.source, "two(");
});

test("whoever was slower is shown what the other one saved, and goes on from there", async () => {
    const { draft, text, last } = begun();
    const theirs = { revision: 9, language: "javascript" as const, source: "theirs", warnings: [] };
    answers = [() => json(412, { code: "stale", detail: "stale" }), () => json(200, theirs, '"9"')];
    text.now = "mine";
    draft.touch();
    assert.equal(await draft.save(), false);
    const state = last();
    assert.equal(state.kind === "stale" && state.theirs.source, "theirs");
    assert.equal(await draft.save(), false, "nothing goes over it before somebody has looked");
    answers = [() => json(200, { revision: 10 }, '"10"')];
    draft.rebase(theirs);
    assert.equal(await draft.save(), true);
    assert.deepEqual([asked.at(-1)?.ifMatch, draft.revision], ['"9"', 10]);
});

test("two tabs that typed the same have no quarrel", async () => {
    const { draft, text, last } = begun();
    const same = { revision: 4, language: "javascript" as const, source: "same", warnings: [] };
    answers = [() => json(412, { code: "stale", detail: "stale" }), () => json(200, same, '"4"')];
    text.now = "same";
    draft.touch();
    await draft.save();
    assert.deepEqual([last().kind, draft.revision], ["saved", 4]);
});

test("a server that is gone, and a session that ended, lose nothing", async () => {
    for (const answer of [undefined, () => json(401, { code: "unauthenticated", detail: "no" })]) {
        const { draft, text, last } = begun();
        answers = answer ? [answer] : [];
        text.now = "typed";
        draft.touch();
        assert.equal(await draft.save(), false);
        const state = last();
        assert.match(state.kind === "refused" ? state.why : "", /(did not answer|signed out)/);
        assert.equal(begun().draft.left()?.source, "typed");
        // The next try would be a timer of this process.
        answers = [() => json(200, { revision: 4 }, '"4"')];
        await draft.save();
    }
});

test("guests' text is shown as what it is", () => {
    assert.equal(shown("\u001b[31mred\u202e <b>"), "⟨U+001B⟩[31mred⟨U+202E⟩ <b>");
    assert.equal(shown("a\tb\nc"), "a\tb\nc");
});

test("numbers have units that fit", () => {
    assert.deepEqual([850, 2_345, 212_000, 1_440_000].map(duration), ["850 µs", "2.3 ms", "212 ms", "1.44 s"]);
    assert.deepEqual([512, 1_258_291].map(bytes), ["512 B", "1.2 MiB"]);
    assert.deepEqual([9_999, 310_000_000].map(about), ["9\u202f999", "310 million"]);
});

test("a failure's place is its first frame in the author's source", () => {
    const failure = { kind: "user_error", name: "E", message: "m" };
    assert.deepEqual(placeOf({ ...failure, stack: "    at get (orders.ts:14:9)\n    at orders.ts:3:1\n" }), { line: 14, column: 9 });
    assert.equal(placeOf({ ...failure, stack: "" }), null);
});

test("what a run needed is added to what there is, and everything stays everything", () => {
    const present = { services: ["a.get"], hosts: [], secrets: [], storage_prefixes: null, event_types: [] };
    const needed = { services: ["a.get", "b.list"], hosts: ["x.example"], secrets: [], storage_prefixes: ["o/"], event_types: ["t"] };
    assert.deepEqual(joined(present, needed), {
        services: ["a.get", "b.list"], hosts: ["x.example"], secrets: [], storage_prefixes: null, event_types: ["t"],
    });
});

test("a revision is the digits of its tag", () => {
    assert.deepEqual([tagOf(4), revisionOf('"4"'), revisionOf('W/"4"'), revisionOf(null)], ['"4"', 4, null, null]);
});
