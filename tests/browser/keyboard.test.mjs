// The whole frame and a list by the keyboard alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, violations, windowOf } from "./browser.mjs";
import { fill } from "./sample.mjs";
import { OPERATOR, Server, people } from "./server.mjs";

let server;
let browser;
let context;
let page;

before(async () => {
    server = await Server.start();
    await people(server);
    await fill(server);
    browser = await launch();
    context = await windowOf(browser, server, OPERATOR);
    page = await openPage(context, server);
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

test("the first press of Tab offers to skip the navigation", async () => {
    await page.visit("/scripts");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
});

test("everything that can be pressed is reached, and shows that it has focus", async () => {
    await page.visit("/scripts");
    const wanted = await page.evaluate(
        () => [...document.querySelectorAll("a[href], button, input, select, summary")].filter((element) => element.checkVisibility() && !element.disabled && element.tabIndex >= 0).length,
    );
    const seen = new Set();
    for (let count = 0; count < wanted + 5; count += 1) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
            const element = document.activeElement;
            if (!element || element === document.body) return null;
            const style = getComputedStyle(element);
            const around = element.closest("label");
            const isShown = style.outlineStyle !== "none" || style.boxShadow !== "none" || (around && getComputedStyle(around).outlineStyle !== "none");
            const all = [...document.querySelectorAll("*")];
            return { index: all.indexOf(element), isShown, what: element.outerHTML.slice(0, 80) };
        });
        if (!at) continue;
        assert.ok(at.isShown, `focus is not shown on ${at.what}`);
        seen.add(at.index);
    }
    assert.ok(seen.size >= wanted, `${seen.size} of ${wanted}`);
});

test("the palette opens by its key, finds pages and scripts, and goes there", async () => {
    await page.visit("/scripts");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search and commands" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.type("price-ch");
    await page.getByRole("option", { name: /price-check/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/scripts\/[^/]+$/);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("exec");
    await page.getByRole("option", { name: "Executions" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/executions/);
});

test("Escape closes what is open, and focus goes back", async () => {
    await page.visit("/scripts");
    const menu = page.locator(".user-menu > summary");
    await menu.focus();
    await page.keyboard.press("Enter");
    assert.ok(await page.locator(".user-menu .popover").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(!(await page.locator(".user-menu .popover").isVisible()));
    assert.ok(await menu.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("dialog[open]").count(), 0);
});

test("keys go to pages and to the search, and are text while somebody types", async () => {
    await page.visit("/scripts");
    await page.keyboard.press("/");
    await page.keyboard.type("g x / ?");
    assert.equal(await page.locator("main input[type=search]").inputValue(), "g x / ?");
    await page.locator("h1").click();
    await page.keyboard.press("g");
    await page.keyboard.press("x");
    await page.waitForURL(/\/executions$/);
});

test("rows are selected with Shift, and a deletion asks by name and can be left", async () => {
    await page.visit("/scripts");
    const boxes = page.locator("input[name=selected]");
    await boxes.nth(0).focus();
    await page.keyboard.press("Space");
    await page.locator(".bulk-bar").waitFor();
    await boxes.nth(2).click({ modifiers: ["Shift"] });
    assert.match(await page.locator(".bulk-bar").innerText(), /3 selected/);
    await page.locator(".bulk-bar").getByRole("button", { name: "Delete" }).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    // What cannot be taken back is not what Enter does.
    assert.equal(await focused(), "Cancel");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    assert.equal(await boxes.count() > 2, true);
});

test("a choice of colours holds on the next page, without a flash", async () => {
    await page.visit("/scripts");
    await page.locator(".user-menu > summary").click();
    await page.locator("[data-theme-choice=dark]").click();
    const dark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const response = await page.visit("/executions");
    // The server says it: no script has to run first.
    assert.match(await response.text(), /<html[^>]* data-theme="dark"/);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), dark);
    await page.locator(".user-menu > summary").click();
    await page.locator("[data-theme-choice=system]").click();
});

function focused() {
    return page.evaluate(() => document.activeElement.textContent.trim());
}
