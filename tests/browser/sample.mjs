// What the sample tenant has, beyond the scripts that are always in it: enough that no page is empty.

/** Names that a stranger gives things, to see that they are shown and nothing more. */
export const HOSTILE = `</script><img src=x onerror=alert(1)> "'\u202e evil & {{7*7}}`;

const ECHO = "export default (input) => { console.log('got', input); return { got: input }; };\n";

const FAILING = `export default (input) => {
    console.info("pricing", input);
    console.warn("${"<b>markup</b>"} \\u001b[31mred\\u001b[0m \\u202e reversed");
    const product = undefined;
    return product.sku;
};
`;

const SLOW = "export default async () => { for (;;) await new Promise((resolve) => setTimeout(resolve, 50)); };\n";

/** Adds scripts, runs, schedules, events and what else the pages show. Answers the addresses of single things. */
export async function fill(server) {
    const made = {};
    made.echo = await script(server, { name: "echo", kind: "one_off", source: ECHO, description: "Answers what it is given." });
    made.failing = await script(server, { name: "price-check", kind: "one_off", source: FAILING, description: HOSTILE });
    made.slow = await script(server, { name: "sleeper", kind: "one_off", source: SLOW, limits: { wall_time_ms: 300 } });
    await server.call("POST", "/api/v1/scripts", { name: "never-deployed", kind: "event", source: ECHO });
    made.onEvent = await script(server, { name: "on-order", kind: "event", source: ECHO });

    for (let count = 1; count <= 3; count += 1) await run(server, "echo", { order: count, lines: [{ sku: "ROPE-12", quantity: count }] });
    made.failed = await run(server, "price-check", { note: HOSTILE });
    await run(server, "sleeper", null);

    const schedule = await server.call("POST", "/api/v1/schedules", { script: "daily-report", expression: "0 9 * * 1-5", timezone: "Europe/Berlin" });
    await server.call("POST", "/api/v1/subscriptions", { script: "on-order", types: ["order.*"] });
    const event = await server.call("POST", "/api/v1/events", { type: "order.placed", subject: HOSTILE.slice(0, 30), data: { note: HOSTILE } });
    const webhook = await server.call("POST", "/api/v1/webhooks", { url: "https://8.8.8.8/hook", types: ["never.published"], description: HOSTILE });
    const value = { value: "not shown anywhere", origins: ["https://api.example"], placements: [{ header: "Authorization" }] };
    await server.call("PUT", "/api/v1/secrets/payment_key", value).catch(() => undefined);
    await server.call("PUT", "/api/v1/storage/orders%2Fo-1", { value: { total: 12.5, note: HOSTILE } }).catch(() => undefined);
    return { ...made, schedule, event, webhook };
}

async function script(server, body) {
    const made = await server.call("POST", "/api/v1/scripts", body);
    await server.call("POST", `/api/v1/scripts/${made.id}/deploy`, { change_summary: "First version" });
    return made;
}

/** Runs a script and waits for its end, whatever that is. */
async function run(server, name, input) {
    const started = await server.call("POST", `/api/v1/scripts/${name}/executions`, { input });
    for (;;) {
        const execution = await server.call("GET", `/api/v1/executions/${started.id ?? started.execution?.id}`);
        if (!["pending", "running"].includes(execution.status)) return execution;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

const ORDER = (number) => ({ id: `o-${1000 + number}`, items: [{ product_id: "p-100", quantity: 1 + (number % 3) }, { product_id: "p-103", quantity: 1 }] });

/** A day's work in the sample tenant: orders come in, some are wrong, one script fails now and then. */
export async function work(server) {
    const orders = `${server.endpoints}/acme/orders`;
    for (let number = 1; number <= 24; number += 1) {
        const body = number % 7 === 0 ? { id: `o-${number}`, items: [] } : ORDER(number);
        await fetch(orders, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    }
    const price = await script(server, { name: "price-order", kind: "one_off", language: "typescript", source: PRICE, description: "Prices an order by the catalogue.", capabilities: { services: ["products.get"], storage_prefixes: ["orders/"] } });
    let failed;
    for (let number = 1; number <= 12; number += 1) {
        const order = ORDER(number);
        if (number % 4 === 0) order.items.push({ product_id: "p-999", quantity: 1 });
        const execution = await run(server, "price-order", order);
        if (execution.status === "failed") failed = execution.id;
    }
    const retry = await script(server, { name: "mirror-stock", kind: "cron", source: "export default () => { for (;;); };\n", description: "Keeps the warehouse's stock beside ours.", limits: { wall_time_ms: 200 } });
    for (let number = 1; number <= 3; number += 1) await run(server, "mirror-stock", null);
    await run(server, "daily-report", null).catch(() => undefined);
    await server.call("POST", "/api/v1/schedules", { script: "daily-report", expression: "0 9 * * 1-5", timezone: "Europe/Berlin" });
    await server.call("POST", "/api/v1/schedules", { script: "mirror-stock", expression: "*/15 * * * *" });
    return { editor: price.id, failed, retry };
}

const PRICE = `// Prices an order: each item by the catalogue, and what the whole comes to.
interface Item {
  product_id: string;
  quantity: number;
}

interface Order {
  id: string;
  items: Item[];
}

export default async function priceOrder(order: Order) {
  console.info(\`pricing \${order.id}\`, { items: order.items.length });
  const products = await Promise.all(order.items.map((item) => services.products.get(item.product_id)));

  const total = order.items.reduce((sum, item, index) => {
    const product = products[index] as { price: number };
    return sum + item.quantity * product.price;
  }, 0);

  await storage.set(\`orders/\${order.id}/total\`, total);
  return { id: order.id, total: Math.round(total * 100) / 100 };
}
`;
