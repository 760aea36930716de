// Every role sees what it may, and is offered nothing that the API would refuse it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, windowOf } from "./browser.mjs";
import { pages } from "./pages.mjs";
import { fill } from "./sample.mjs";
import { ROLES, Server, people } from "./server.mjs";

let server;
let browser;
let listed;
let operations;

before(async () => {
    server = await Server.start();
    await people(server);
    listed = pages(await fill(server)).filter(({ who }) => who);
    operations = operationsOf(await server.call("GET", "/api/v1/openapi.json"));
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

for (const role of ROLES) {
    test(`a ${role} is offered what the role may do, and sees no page that it may not`, async () => {
        const context = await windowOf(browser, server, `${role}@shop.example`);
        const { permissions } = await (await context.request.get(`${server.url}/api/v1/me`)).json();
        const wrong = [];
        for (const { name, path } of listed) {
            const page = await openPage(context, server);
            const response = await page.goto(server.url + path);
            const mayNot = response.status() === 403 || response.status() === 404;
            if (!mayNot && response.status() !== 200) wrong.push(`${name}: ${response.status()}`);
            if (mayNot && (await page.locator("main").innerText()).trim() === "") wrong.push(`${name}: refused without a word`);
            for (const asked of await offered(page)) {
                const operation = operations.find(({ method, matches }) => method === asked.method && matches.test(asked.path));
                if (!operation) wrong.push(`${name}: '${asked.text}' calls ${asked.method} ${asked.path}, which is no operation`);
                const missing = operation?.permissions.find((permission) => !permissions.includes(permission));
                if (missing) wrong.push(`${name}: '${asked.text}' needs ${missing}`);
            }
            await page.close();
        }
        await context.close();
        assert.deepEqual(wrong, []);
    });

    test(`each page that the navigation shows a ${role} is one that opens`, async () => {
        const context = await windowOf(browser, server, `${role}@shop.example`);
        const page = await openPage(context, server);
        await page.visit("/scripts");
        const paths = await page.locator(".side nav a").evaluateAll((links) => links.map((link) => new URL(link.href).pathname));
        assert.ok(paths.includes("/scripts"), `${paths}`);
        assert.ok(!paths.some((path) => path.startsWith("/operator")), `${paths}`);
        for (const path of paths) await page.visit(path);
        await context.close();
    });
}

test("who belongs to no tenant is told so, and who is signed out is asked to sign in", async () => {
    const context = await windowOf(browser, server, null);
    const page = await openPage(context, server);
    await page.goto(`${server.url}/executions?status=failed`);
    assert.match(page.url(), /\/sign-in\?next=/);
    // The address of where one wanted to go is not one elsewhere.
    await page.goto(`${server.url}/sign-in?next=//elsewhere.example/`);
    const then = await page.locator("form[data-api*=password]").getAttribute("data-then");
    assert.match(then, /^\/(?!\/)/);
    await context.close();
});

/** The operations of the API, with what a tenant's member needs for each. */
function operationsOf({ paths }) {
    return Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({
            method: method.toUpperCase(),
            matches: new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+")}$`),
            permissions: operation["x-permissions"] ?? [],
        })),
    );
}

/** The calls that a page offers, those that cannot be pressed left out. */
function offered(page) {
    return page.locator("[data-api], [data-bulk]").evaluateAll((elements) =>
        elements
            .filter((element) => !element.matches(":disabled, [aria-disabled=true]") && !element.closest("fieldset:disabled"))
            .filter((element) => !(element instanceof HTMLFormElement) || element.querySelector("[type=submit]:not(:disabled), button:not([type]):not(:disabled)"))
            .map((element) => {
                const [method, address] = (element.dataset.api ?? element.dataset.bulk).split(" ");
                return { method, path: address.split("?")[0].replace(/\{[^}]+\}/g, "x"), text: element.textContent.trim().slice(0, 40) };
            }),
    );
}
