// What goes wrong while somebody works: said plainly, and nothing typed is lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, violations, windowOf } from "./browser.mjs";
import { HOSTILE, fill } from "./sample.mjs";
import { OPERATOR, PASSWORD, Server, people, signIn } from "./server.mjs";

let server;
let browser;
let made;

before(async () => {
    server = await Server.start();
    await people(server);
    made = await fill(server);
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

test("a wrong password is said above the form, and the address stays", async () => {
    const context = await windowOf(browser, server, null);
    const page = await openPage(context, server);
    await page.visit("/sign-in");
    await page.getByLabel("E-mail").fill("editor@shop.example");
    await page.getByLabel("Password").fill("not this one");
    await page.keyboard.press("Enter");
    await page.locator(".form-error").waitFor();
    assert.notEqual((await page.locator(".form-error").innerText()).trim(), "");
    assert.equal(await page.getByLabel("E-mail").inputValue(), "editor@shop.example");
    assert.deepEqual(await violations(page), []);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
    await context.close();
});

test("a refused form shows the error at its field, with focus on it, and keeps what was typed", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    await page.visit("/scripts/new");
    await page.locator("#name").fill("echo");
    await page.locator("#description").fill(HOSTILE);
    await page.getByText("is taken").waitFor();
    await page.getByRole("button", { name: /^Create/ }).click();
    await page.waitForFunction(() => document.querySelector("#name[aria-invalid=true], .form-error:not([hidden])"));
    assert.equal(await page.locator("#description").inputValue(), HOSTILE);
    assert.match(await page.locator("form[data-new-script]").innerText(), /taken/);
    assert.deepEqual(await violations(page), []);
    await context.close();
});

test("a session that ends while somebody types loses nothing: sign in elsewhere, try again", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    await page.visit("/scripts/new");
    await page.locator("#name").fill("after-the-break");
    const cookies = await context.cookies();
    await context.clearCookies();
    await page.getByRole("button", { name: /^Create/ }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await context.addCookies(cookies);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForURL(/\/scripts\/[^/]+$/);
    await context.close();
});

test("a server that is away is said, and the form is sent once it is back", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    await page.visit("/scripts/new");
    await page.locator("#name").fill("through-a-restart");
    await server.kill();
    await page.getByRole("button", { name: /^Create/ }).click();
    await page.getByText("The server did not answer. What you typed is still here.").waitFor();
    assert.equal(await page.locator("#name").inputValue(), "through-a-restart");
    await server.restart();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForURL(/\/scripts\/[^/]+$/);
    await context.close();
});

test("leaving a form that was filled in asks first", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    await page.visit("/scripts/new");
    await page.locator("#name").fill("almost");
    let asked = "";
    page.on("dialog", (dialog) => {
        asked = dialog.type();
        void dialog.accept();
    });
    await page.locator(".side nav a").first().click();
    await page.waitForURL(/\/scripts$/);
    assert.equal(asked, "beforeunload");
    await context.close();
});

test("a live list goes on after the server was away, and says what came meanwhile", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    await page.visit("/executions");
    const rows = page.locator("#results tbody tr:has([name=selected])");
    const before = await rows.count();
    await server.restart();
    await server.call("POST", "/api/v1/scripts/echo/executions", { input: "after the restart" });
    await page.waitForFunction((count) => document.querySelectorAll("#results tbody tr:has([name=selected])").length > count, before, { timeout: 60_000 });
    await context.close();
});

test("a stream ends when its reader is signed out, and the page says so", async () => {
    const context = await windowOf(browser, server, "viewer@shop.example");
    const page = await openPage(context, server);
    await page.visit("/executions");
    const cookie = await signIn(server, "viewer@shop.example");
    await fetch(`${server.url}/api/v1/sessions`, { method: "DELETE", headers: { Cookie: cookie, Origin: server.url, "Sec-Fetch-Site": "same-origin" } });
    await page.locator(".toast", { hasText: "stands still" }).waitFor({ timeout: 60_000 });
    await context.close();
});

test("names, logs and results full of markup, scripts and marks are text on every page", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    page.on("dialog", (dialog) => assert.fail(`a script of a stranger's ran: ${dialog.message()}`));
    const paths = ["/scripts", "/executions", `/executions/${made.failed.id}`, `/scripts/${made.failing.id}`, "/webhooks", "/events", `/events/${made.event.position}`, "/storage", "/audit"];
    for (const path of paths) {
        await page.visit(path);
        assert.equal(await page.locator("img[src=x], script:not([src]):not([type='application/json'])").count(), 0, path);
        assert.deepEqual(page.troubles(), [], path);
    }
    await context.close();
});

test("what is not there is a page of its own, and the script's name is no path", async () => {
    const context = await windowOf(browser, server, OPERATOR);
    const page = await openPage(context, server);
    for (const path of ["/nothing", "/scripts/00000000-0000-7000-8000-000000000000", "/executions/<script>"]) {
        const response = await page.goto(server.url + path);
        assert.ok([400, 404, 422].includes(response.status()), `${path}: ${response.status()}`);
        assert.equal(await page.locator("h1").count(), 1, path);
        assert.deepEqual(await violations(page), [], path);
    }
    await context.close();
});
