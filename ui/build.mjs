// Bundles the browser side into target/ui: `assets/NAME.HASH.ext`, each with its `.br` and `.gz` beside it, and
// `manifest.json`, which names the file of each asset. The server embeds that folder.
//
// A file's name contains the digest of what is in it, so browsers keep it for ever. What is there already under its name
// is not compressed again: the editor's worker alone takes seconds.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { build } from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const OUT = path.join(HERE, "../target/ui");
const ASSETS = path.join(OUT, "assets");
const MODULES = path.join(HERE, "node_modules");

/** Monaco's workers by the names that their files get. */
const WORKERS = {
    "editor.worker": "monaco-editor/editor/editor.worker.js",
    "ts.worker": "monaco-editor/language/typescript/ts.worker.js",
    "json.worker": "monaco-editor/language/json/json.worker.js",
};

/** The packages whose code goes to the browser. */
const BUNDLED = ["htmx.org", "lucide-static", "monaco-editor", "uplot", "dompurify", "marked"];

const COMMON = {
    absWorkingDir: HERE,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    entryNames: "[name].[hash]",
    chunkNames: "[name].[hash]",
    assetNames: "[name].[hash]",
    loader: { ".ttf": "file" },
    outdir: ASSETS,
    metafile: true,
    write: false,
    logLevel: "warning",
};

/**
 * TypeScript's libraries without those of browsers: the sandbox has neither a page nor a worker, and they are a third of the
 * worker.
 */
const WITHOUT_BROWSERS = {
    name: "without-browsers",
    setup({ onLoad }) {
        onLoad({ filter: /typescript[\\/]lib[\\/]lib\.js$/ }, async ({ path: file }) => {
            const libraries = (await readFile(file, "utf8")).split(/^(?=libFileMap\[|export )/m);
            const isOfBrowsers = /^libFileMap\["lib\.(d|dom|webworker|scripthost|[^"]*\.full)\b/;
            return { contents: libraries.filter((library) => !isOfBrowsers.test(library)).join(""), loader: "js" };
        });
    },
};

/** What is made: file name → bytes, and asset → file name. */
const files = new Map();
const manifest = {};

/** Bundles entries; answers the name of each one's file. */
async function bundle(entryPoints, options = {}) {
    const result = await build({ ...COMMON, entryPoints, ...options });
    for (const file of result.outputFiles) files.set(path.basename(file.path), file.contents);
    for (const file of Object.keys(result.metafile.outputs)) add(path.basename(file));
}

/** Bundles the editor, which starts its workers by the names that their files got. */
async function bundleEditor() {
    const entry = "src/editor/main.ts";
    if (!existsSync(path.join(HERE, entry))) return;
    await bundle(WORKERS, { plugins: [WITHOUT_BROWSERS] });
    const workers = Object.fromEntries(Object.keys(WORKERS).map((name) => [name, `./${manifest[`${name}.js`]}`]));
    await bundle({ editor: entry }, { define: { EDITOR_WORKERS: JSON.stringify(workers) } });
}

/** Names a made file in the manifest: `app.3F2A.js` is the asset `app.js`. */
function add(file) {
    manifest[file.replace(/\.[0-9A-Za-z]{8}(?=\.[a-z]+$)/, "")] = file;
}

/** Adds a text that no bundler made. */
function addText(name, text) {
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 8);
    const extension = path.extname(name);
    const file = `${name.slice(0, -extension.length)}.${digest}${extension}`;
    files.set(file, Buffer.from(text));
    manifest[name] = file;
}

/** One SVG of the icons that `icons.txt` names: our own, and lucide's. */
async function sprite() {
    const list = await readFile(path.join(HERE, "icons.txt"), "utf8");
    const names = [...new Set(list.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#")))];
    const symbols = await Promise.all(names.sort().map(async (name) => {
        const own = path.join(HERE, "icons", `${name}.svg`);
        const file = existsSync(own) ? own : path.join(MODULES, "lucide-static/icons", `${name}.svg`);
        if (!existsSync(file)) throw new Error(`icons.txt: lucide has no icon '${name}'`);
        const svg = await readFile(file, "utf8");
        const shapes = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "");
        return `<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`;
    }));
    return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

/** The licences of what is bundled. */
async function licences() {
    const texts = await Promise.all(BUNDLED.map(async (name) => {
        const folder = path.join(MODULES, name);
        const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
        const found = (await readdir(folder)).filter((file) => /^(licen[cs]e|thirdpartynotices)/i.test(file)).sort();
        const parts = await Promise.all(found.map((file) => readFile(path.join(folder, file), "utf8")));
        return `${name} ${version}\n\n${parts.join("\n\n").trim()}\n`;
    }));
    return texts.join(`\n${"-".repeat(80)}\n\n`);
}

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

/** Writes one file and its compressed forms. A file with this name has these bytes. */
async function write(file, bytes) {
    const target = path.join(ASSETS, file);
    if (existsSync(target) && existsSync(`${target}.br`) && existsSync(`${target}.gz`)) return;
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    await Promise.all([
        writeFile(target, bytes),
        brotli(bytes, { params }).then((small) => writeFile(`${target}.br`, small)),
        gzip(bytes, { level: 9 }).then((small) => writeFile(`${target}.gz`, small)),
    ]);
}

async function main() {
    await mkdir(ASSETS, { recursive: true });
    await bundle(["src/app.ts"], { splitting: true });
    await bundle(["styles/app.css"]);
    await bundleEditor();
    addText("icons.svg", await sprite());
    addText("favicon.svg", await readFile(path.join(HERE, "icons/tile.svg"), "utf8"));
    addText("licences.txt", await licences());

    await Promise.all([...files].map(([file, bytes]) => write(file, bytes)));
    for (const file of await readdir(ASSETS)) {
        if (!files.has(file.replace(/\.(br|gz)$/, ""))) await rm(path.join(ASSETS, file));
    }
    const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => a.localeCompare(b)));
    await writeFile(path.join(OUT, "manifest.json"), `${JSON.stringify(sorted, null, 4)}\n`);
}

await main();
