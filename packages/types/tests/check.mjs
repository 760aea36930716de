// Checks the types with TypeScript itself: the declarations, what they allow and refuse, and every example of the script
// API's page, also those in JavaScript. Prints what is wrong, and fails.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../../..");
const declarations = join(here, "../index.d.ts");
const settings = JSON.parse(readFileSync(join(here, "../tsconfig.json"), "utf8")).compilerOptions;
const { options } = ts.convertCompilerOptionsFromJson({ ...settings, types: [], skipLibCheck: false }, here);

/** The examples of a page, as modules by their names. */
function examplesOf(page) {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)];
  return new Map(blocks.map(([, language, source], at) => [join(here, `example-${at + 1}.${language}`), source]));
}

/** What TypeScript finds in these modules and declarations; `extra` are files that are on no disk. */
function findings(files, extra, more) {
  const own = { ...options, ...more };
  const host = ts.createCompilerHost(own);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => extra.has(name) || fileExists.call(host, name);
  host.readFile = (name) => extra.get(name) ?? readFile.call(host, name);
  const program = ts.createProgram([...files, ...extra.keys()], own, host);
  return { found: ts.getPreEmitDiagnostics(program), host };
}

let failed = 0;
function check(what, files, extra = new Map(), more = {}) {
  const { found, host } = findings(files, extra, more);
  if (found.length > 0) console.error(ts.formatDiagnosticsWithColorAndContext(found, host));
  console.log(`${what}: ${found.length === 0 ? "right" : `${found.length} findings`}`);
  failed += found.length;
}

check("declarations", [declarations]);
check("allowed and refused", [declarations, join(here, "globals.ts")]);
const examples = examplesOf("docs/script-api.md");
check(`${examples.size} examples`, [declarations], examples, {
  allowJs: true,
  checkJs: true,
  noImplicitAny: false,
  useUnknownInCatchVariables: false,
});
// A tenant's services take the place of the interface that knows none.
const fixtures = join(root, "tests/fixtures/types");
const anyService = /interface Services \{\n.*?\n\}\n/s;
for (const name of readdirSync(fixtures).filter((name) => name.endsWith(".d.ts"))) {
  const services = readFileSync(join(fixtures, name), "utf8");
  const whole = readFileSync(declarations, "utf8").replace(anyService, () => services);
  check(`services of ${name}`, [join(fixtures, name.replace(".d.ts", ".uses.ts"))], new Map([[join(here, name), whole]]));
}
if (examples.size < 15) failed++;
process.exitCode = failed === 0 ? 0 : 1;
