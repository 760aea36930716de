import assert from "node:assert/strict";
import { test } from "node:test";

import { problemOf, uniqueKey } from "../src/api.ts";

test("a problem is read as the API writes it", () => {
    const body = { code: "invalid", title: "A value is not allowed", detail: "no", errors: [{ field: "name", message: "taken" }, { field: 1 }, null], etag: '"3"' };
    const problem = problemOf(422, body);
    assert.deepEqual([problem.code, problem.detail, problem.errors], ["invalid", "no", [{ field: "name", message: "taken" }]]);
    assert.equal(problem.members["etag"], '"3"');
});

test("what is no problem of the API's is described by its status", () => {
    for (const body of ["<html>Bad gateway</html>", null, [], { detail: 3 }]) {
        const problem = problemOf(502, body);
        assert.equal(problem.code, "unknown");
        assert.match(problem.detail, /502/);
        assert.deepEqual(problem.errors, []);
    }
});

test("a key is unlike any other", () => {
    const keys = new Set(Array.from({ length: 100 }, uniqueKey));
    assert.equal(keys.size, 100);
    for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});
