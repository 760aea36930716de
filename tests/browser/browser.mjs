// The browser, and pages that notice what must not be: errors, violations of the content security policy, requests to
// anywhere else.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

import { PASSWORD, signIn } from "./server.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core");

/** Where Debian and others put Chromium. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** What axe looks for: WCAG 2.2 to AA, and good practice. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Starts the browser. */
export async function launch() {
    const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
    if (!executablePath) throw new Error("there is no Chromium: './just browser' says how to get it");
    // As root, in containers, its own sandbox cannot be made; the pages are our own.
    return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A window of somebody who is signed in; of nobody where no address is given. */
export async function windowOf(browser, server, email, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "UTC", ...options });
    if (email) {
        const cookie = await signIn(server, email, options.password ?? PASSWORD);
        const [name, ...value] = cookie.split("=");
        await context.addCookies([{ name, value: value.join("="), url: server.url, httpOnly: true, sameSite: "Lax" }]);
    }
    return context;
}

/** A page that notices. */
export async function openPage(context, server) {
    const page = await context.newPage();
    const troubles = [];
    const origin = new URL(server.url).origin;
    page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") troubles.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
    page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.origin !== origin && url.protocol !== "data:") troubles.push(`request to ${url.href}`);
    });
    return Object.assign(page, {
        /** Goes to a path of the server, which has to answer with a page. */
        async visit(path, status = 200) {
            const response = await page.goto(server.url + path);
            assert.equal(response.status(), status, `${path} answers ${response.status()}`);
            await settled(page);
            return response;
        },
        /** What was noticed since it was asked the last time. */
        troubles: () => troubles.splice(0),
    });
}

/** Waits until the page's script has run, and nothing that it asked for is missing. */
export async function settled(page) {
    await page.waitForFunction(() => document.readyState === "complete");
    await page.evaluate(() => document.fonts.ready);
}

/** What axe finds wrong, as lines. */
export async function violations(page) {
    if (!(await page.evaluate(() => "axe" in globalThis))) {
        // As the developer tools put it in: a script element would break the page's policy.
        const session = await page.context().newCDPSession(page);
        await session.send("Runtime.evaluate", { expression: await readFile(AXE, "utf8") });
        await session.detach();
    }
    const found = await page.evaluate((rules) => globalThis.axe.run({ runOnly: rules }), RULES);
    return found.violations.flatMap(({ id, nodes }) =>
        nodes
            // Marks of single runs are as small as they are many; what they lead to is in the list of executions too (WCAG
            // 2.5.8, "equivalent").
            .filter(({ html }) => id !== "target-size" || !html.includes('class="mark'))
            .map(({ target, any, all, none }) => `${id}: ${target.join(" ")}: ${[...any, ...all, ...none][0]?.message ?? ""}`),
    );
}
