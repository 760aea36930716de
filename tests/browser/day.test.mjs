// An author's whole day: the first sign-in, a script written with completion, tested, mended, deployed, called, watched,
// rolled back, retried and replayed. One story, so that each step stands on what the one before has made.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, violations, windowOf } from "./browser.mjs";
import { OPERATOR, PASSWORD, Server } from "./server.mjs";

const BROKEN = `export default async function greet(request) {
  const name = new URL(request.url).searchParams.get("name");
  console.info("greeting", name);
  return Response.json({ greeting: missing.hello + name });
}
`;

const MENDED = BROKEN.replace("missing.hello + name", "`Good day, ${name}`");

const SECOND = MENDED.replace("Good day", "Good evening");

let server;
let browser;
let page;

before(async () => {
    server = await Server.start();
    browser = await launch();
    const context = await windowOf(browser, server, null, { permissions: ["clipboard-read", "clipboard-write"] });
    page = await openPage(context, server);
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

test("sign in with what the server said, choose a password, and be among the scripts", async () => {
    await page.goto(server.url);
    await page.getByLabel("E-mail").fill(OPERATOR);
    await page.getByLabel("Password").fill(server.firstPassword);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL(/\/password$/);
    await page.getByLabel("Current password").fill(server.firstPassword);
    await page.getByLabel("New password").fill(PASSWORD);
    await page.getByRole("button", { name: "Change it" }).click();
    await page.waitForURL(/\/scripts$/);
    assert.ok((await page.locator("#results tbody tr").count()) >= 4);
});

test("make an endpoint's script", async () => {
    await page.getByRole("link", { name: "New script" }).click();
    await page.waitForURL(/\/scripts\/new$/);
    await page.locator("input[name=kind][value=endpoint]").first().check({ force: true });
    await page.getByLabel("Name").fill("greeter");
    await page.getByLabel("Address").fill("/greet");
    await page.getByLabel("Who may call").selectOption("public");
    await page.getByRole("button", { name: /^Create/ }).click();
    await page.waitForURL(/\/scripts\/[0-9a-f-]+$/);
    await page.locator(".monaco-editor textarea, .monaco-editor .native-edit-context").first().waitFor({ state: "attached" });
});

test("be offered the script API while writing", async () => {
    await write("");
    await page.keyboard.type("storage.");
    const offered = page.locator(".suggest-widget .monaco-list-row", { hasText: /^get/ });
    await offered.first().waitFor();
    await page.keyboard.press("Escape");
    // Half a statement is no draft that could be saved; the browser's console notes that it was refused.
    for (const trouble of page.troubles()) assert.match(trouble, /422/);
});

test("see what is wrong before anything runs", async () => {
    await write(BROKEN);
    await page.locator("#problems", { hasText: /[1-9]\d* (error|problem)/ }).waitFor();
    assert.deepEqual(await violations(page), []);
});

test("test it, read the error with its line, mend it, and test again", async () => {
    await page.keyboard.press("Control+Enter");
    await page.locator("#test-state .badge.failed").waitFor();
    assert.match(await page.locator("#test-outcome").innerText(), /missing is not defined/);
    assert.match(await page.locator("#editor").innerText(), /:4/);
    await write(MENDED);
    await page.keyboard.press("Control+Enter");
    await page.locator("#test-state .badge.success").waitFor();
    assert.match(await page.locator("#test-outcome").innerText(), /Good day/);
    assert.deepEqual(page.troubles(), []);
});

test("deploy it with a summary", async () => {
    await deploy("Greets people");
    assert.match(await page.locator("#deployed-state").innerText(), /1/);
});

test("call it, and watch the run come in without reading the page again", async () => {
    const watched = await openPage(page.context(), server);
    await watched.visit("/executions");
    const answer = await fetch(`${server.endpoints}/acme/greet?name=Ada`).then((response) => response.json());
    assert.deepEqual(answer, { greeting: "Good day, Ada" });
    const row = watched.locator("#results tbody tr", { hasText: "greeter" }).filter({ hasText: "Endpoint" });
    await row.first().waitFor();
    assert.deepEqual(watched.troubles(), []);
    await watched.close();
});

test("deploy another version, and roll back to the first", async () => {
    await write(SECOND);
    await deploy("Greets in the evening", { difference: /evening/ });
    assert.match((await greeted()).greeting, /Good evening/);
    await page.getByRole("link", { name: "Versions", exact: true }).click();
    await page.waitForURL(/\/versions/);
    const first = page.locator("main tr, main li").filter({ hasText: "Greets people" });
    await first.locator("[data-api$='/activate']").click();
    await page.locator("dialog[open] button.primary").click();
    for (let tries = 0; tries < 100 && !/Good day/.test((await greeted()).greeting); tries += 1) await page.waitForTimeout(50);
    assert.match((await greeted()).greeting, /Good day/);
});

test("read an execution, retry it, and replay it with the same outcome", async () => {
    await page.goto(`${server.url}/executions`);
    await page.locator("#results tbody tr", { hasText: "greeter" }).filter({ hasText: "Endpoint" }).first().locator("td.main a").click();
    await page.waitForURL(/\/executions\/[0-9a-f-]+$/);
    const first = page.url();
    assert.match(await page.locator("main").innerText(), /Good day|Good evening/);
    await page.getByRole("button", { name: "Replay" }).click();
    await page.locator("dialog[data-replay][open]", { hasText: "the same as then" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Retry/ }).first().click();
    await page.waitForURL((url) => /\/executions\/[0-9a-f-]+$/.test(url.pathname) && url.href !== first);
    await page.locator("h1 .badge.success").waitFor();
    assert.deepEqual(page.troubles(), []);
});

async function greeted() {
    return fetch(`${server.endpoints}/acme/greet?name=Ada`).then((response) => response.json());
}

/** Puts a text in the editor in place of what is there. */
async function write(source) {
    await page.locator("#editor-code .view-lines").click();
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    if (source === "") return;
    // Pasted: typed brackets would be closed by the editor.
    await page.evaluate((text) => navigator.clipboard.writeText(text), source);
    await page.keyboard.press("Control+v");
}

/** Deploys what is in the editor, once the difference to the deployed version was shown, where there is one. */
async function deploy(summary, { difference } = {}) {
    if (!(await page.locator("#editor-code").count())) await page.getByRole("link", { name: "Code", exact: true }).click();
    await page.keyboard.press("Control+s");
    await page.locator("#deploy-dialog[open]").waitFor();
    if (difference) await page.locator("#deploy-diff .monaco-diff-editor .view-line", { hasText: difference }).first().waitFor();
    await page.locator("#deploy-summary").fill(summary);
    await page.keyboard.press("Enter");
    await page.locator("#deploy-dialog[open]").waitFor({ state: "detached" });
}
