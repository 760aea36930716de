// Runs once, when somebody asks: give each stored order the total that older versions did not write.
//
// A long job keeps what it has done: after each `storage.commit()` the page is durable, whatever becomes of the rest.
// Run again, it finds what is left to do. The input {"page_size": 10} makes the pages smaller.
export default async function backfillTotals(input) {
  const limit = input?.page_size ?? 100;
  const prices = new Map();
  let cursor;
  let seen = 0;
  let changed = 0;
  do {
    const page = await storage.list({ prefix: "orders/", cursor, limit });
    for (const { key, value: order } of page.entries) {
      seen += 1;
      if (typeof order.total === "number") continue;
      await storage.set(key, { ...order, total: await totalOf(order, prices) });
      changed += 1;
    }
    await storage.commit();
    console.info(`${seen} orders seen, ${changed} changed`);
    cursor = page.cursor;
  } while (cursor);
  return { seen, changed };
}

// Each product is asked for once, however many orders name it.
async function totalOf(order, prices) {
  let total = 0;
  for (const item of order.items ?? []) {
    if (!prices.has(item.product_id)) {
      const product = await services.products.get(item.product_id);
      prices.set(item.product_id, product?.price ?? 0);
    }
    total += item.quantity * prices.get(item.product_id);
  }
  return Math.round(total * 100) / 100;
}
