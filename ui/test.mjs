// Runs the tests of the pure parts, tests/*.test.ts, with Node's own runner: bundled first, since Node reads no
// TypeScript.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const OUT = path.join(HERE, "../target/ui-tests");

const tests = readdirSync(path.join(HERE, "tests")).filter((file) => file.endsWith(".test.ts"));
await build({
    entryPoints: tests.map((file) => path.join(HERE, "tests", file)),
    outdir: OUT,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
    logLevel: "warning",
});
const made = tests.map((file) => path.join(OUT, file.replace(/\.ts$/, ".mjs")));
process.exit(spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...made], { stdio: "inherit" }).status ?? 1);
