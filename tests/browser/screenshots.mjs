// Takes the pictures of the main pages that are in docs/, light and dark, from the sample tenant with a day's work in it.

import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { launch, openPage, windowOf } from "./browser.mjs";
import { OPERATOR, Server, people } from "./server.mjs";
import { work } from "./sample.mjs";

const OUT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../docs/screenshots");

/** What a desktop would show: a quiet text face in the place of the one that a bare Linux has. */
const FONTS = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>
${["system-ui", "sans-serif"].map((name) => `<match target="pattern"><test name="family"><string>${name}</string></test><edit name="family" mode="prepend" binding="strong"><string>Inter</string><string>Liberation Sans</string></edit></match>`).join("")}
<match target="font"><edit name="hintstyle" mode="assign"><const>hintslight</const></edit><edit name="antialias" mode="assign"><bool>true</bool></edit></match></fontconfig>`;

const fonts = await mkdtemp(path.join(tmpdir(), "skerry-fonts-"));
await writeFile(path.join(fonts, "fonts.conf"), FONTS);
process.env.FONTCONFIG_FILE = path.join(fonts, "fonts.conf");
await mkdir(OUT, { recursive: true });

const server = await Server.start();
const browser = await launch();
try {
    await people(server);
    const made = await work(server);
    const pages = {
        scripts: "/scripts",
        editor: `/scripts/${made.editor}`,
        executions: "/executions",
        execution: `/executions/${made.failed}`,
        schedules: "/schedules",
        roles: "/roles",
        usage: "/usage",
    };
    for (const colorScheme of ["light", "dark"]) {
        const context = await windowOf(browser, server, OPERATOR, { colorScheme, reducedMotion: "reduce" });
        for (const [name, address] of Object.entries(pages)) {
            const page = await openPage(context, server);
            await page.visit(address);
            if (name === "editor") {
                await page.locator(".monaco-editor .view-line").first().waitFor();
                await page.keyboard.press("Control+Enter");
                await page.locator("#test-state .badge:not(.running)").waitFor();
            }
            // A page that is kept up to date is never idle: its pictures and charts are there a moment after it.
            await page.waitForLoadState("load");
            await page.waitForTimeout(500);
            await page.screenshot({ path: path.join(OUT, `${name}-${colorScheme}.png`), animations: "disabled", caret: "hide" });
            console.log(`${name}-${colorScheme}.png`);
            await page.close();
        }
        await context.close();
    }
} finally {
    await browser.close();
    await server.stop();
    await rm(fonts, { recursive: true, force: true });
}
