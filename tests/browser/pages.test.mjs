// Each page, at three widths, in light and dark: nothing is wrong with it for axe, for the console, for its policy, and
// nothing is wider than the window or moves while it loads.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, violations, windowOf } from "./browser.mjs";
import { pages } from "./pages.mjs";
import { fill } from "./sample.mjs";
import { OPERATOR, Server, people } from "./server.mjs";

const WIDTHS = [1440, 1024, 390];
const SCHEMES = ["light", "dark"];

/** What a page other than the editor may weigh with everything that it needs, as sent. */
const MOST_BYTES = 60 * 1024;

/** What the library for charts adds, on the pages that draw one. */
const CHART_BYTES = 24 * 1024;

let server;
let browser;
let listed;

before(async () => {
    server = await Server.start();
    await people(server);
    listed = pages(await fill(server));
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

for (const width of WIDTHS) {
    test(`every page is right at ${width} px, in light and in dark`, async () => {
        const wrong = [];
        const options = { viewport: { width, height: 900 }, colorScheme: "light", reducedMotion: "reduce" };
        const [inside, outside] = await Promise.all([windowOf(browser, server, OPERATOR, options), windowOf(browser, server, null, options)]);
        for (const { name, path, who, isEditor } of listed) {
            const page = await openPage(who ? inside : outside, server);
            const note = (lines, more = "") => wrong.push(...lines.map((line) => `${name}${more}: ${line}`));
            await page.visit(path).catch((error) => note([error.message]));
            note(await drawnWrong(page, isEditor));
            for (const colorScheme of SCHEMES) {
                await page.emulateMedia({ colorScheme });
                note(await violations(page), ` in ${colorScheme}`);
            }
            note(page.troubles());
            await page.close();
        }
        await Promise.all([inside.close(), outside.close()]);
        assert.deepEqual(wrong, []);
    });
}

test("a page needs less than 60 KB in all, and asks nobody else", async () => {
    const wrong = [];
    for (const { name, path } of listed.filter(({ who, isEditor }) => who && !isEditor)) {
        // A window of its own has nothing in its cache.
        const context = await windowOf(browser, server, OPERATOR);
        const page = await openPage(context, server);
        const sizes = [];
        page.on("requestfinished", async (request) => {
            const { responseBodySize, responseHeadersSize } = await request.sizes();
            sizes.push(responseBodySize + responseHeadersSize);
        });
        await page.visit(path);
        const charts = await page.locator("[data-chart]").count();
        if (charts > 0) await page.locator("canvas").first().waitFor();
        const sum = sizes.reduce((a, b) => a + b, 0);
        if (sum > MOST_BYTES + (charts > 0 ? CHART_BYTES : 0)) wrong.push(`${name}: ${sum} bytes`);
        await context.close();
    }
    assert.deepEqual(wrong, []);
});

/** What only drawing shows: too wide, moved while loading, icons that are not there, words that nobody wrote. */
function drawnWrong(page, isEditor) {
    return page.evaluate(async (isEditor) => {
        const wrong = [];
        const tooWide = document.documentElement.scrollWidth - window.innerWidth;
        if (tooWide > 0) wrong.push(`${tooWide} px wider than the window`);
        const shifts = await new Promise((resolve) => {
            let sum = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
            }).observe({ type: "layout-shift", buffered: true });
            setTimeout(() => resolve(sum), 0);
        });
        if (shifts > 0.01 && !isEditor) wrong.push(`moves while it loads: ${shifts.toFixed(3)}`);
        for (const use of document.querySelectorAll("svg.icon > use")) {
            const box = use.getBoundingClientRect();
            if (use.checkVisibility() && box.width === 0) wrong.push(`no icon ${use.getAttribute("href")}`);
        }
        for (const element of document.querySelectorAll("main *:not(:has(*), pre *, .tree *)")) {
            const said = element.textContent.trim();
            if (["undefined", "NaN", "null", "[object Object]"].includes(said) && !element.closest("pre, .json")) wrong.push(`says '${said}'`);
        }
        return wrong;
    }, isEditor);
}
