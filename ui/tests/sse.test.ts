import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser } from "../src/sse.ts";

const STREAM = 'retry: 2000\n\n:\n\nevent: line\nid: 1-a\ndata: {"message":"a"}\n\nevent: end\r\ndata: x\r\ndata: y\r\n\r\n';

test("a stream is the same events however it is cut", () => {
    const wanted = [
        { name: "line", data: '{"message":"a"}', id: "1-a" },
        { name: "end", data: "x\ny", id: "1-a" },
    ];
    for (let size = 1; size <= STREAM.length; size += 1) {
        const parser = new EventParser();
        const events = [];
        for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
        assert.deepEqual(events, wanted, `in pieces of ${size}`);
    }
});

test("what has not ended is no event, and an event without data is none", () => {
    assert.deepEqual(new EventParser().push("event: line\ndata: a\n"), []);
    assert.deepEqual(new EventParser().push("event: line\n\n"), []);
    assert.deepEqual(new EventParser().push("data\n\n"), [{ name: "message", data: "", id: null }]);
});
