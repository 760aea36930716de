// Answers POST /<tenant>/orders: a shop reports an order.
//
// An endpoint script is given a `Request` and answers a `Response`, as on the web. Its storage writes and events are
// committed before the answer is sent; where it throws, none of them happens.
export default async function orderReceived(request) {
  const order = await request.json().catch(() => null);
  const problem = problemWith(order);
  if (problem) return Response.json({ error: problem }, { status: 400 });

  // The same delivery may come twice: the first one counts.
  const key = `orders/${order.id}`;
  if (await storage.get(key)) return Response.json({ id: order.id, status: "known" });

  // Calls that do not need each other's answers are made at once.
  const products = await Promise.all(order.items.map((item) => services.products.get(item.product_id)));
  const missing = order.items.find((_, index) => products[index] === null);
  if (missing) return Response.json({ error: `Unknown product ${missing.product_id}` }, { status: 422 });

  const total = order.items.reduce((sum, item, index) => sum + item.quantity * products[index].price, 0);
  const stored = { id: order.id, items: order.items, total: Math.round(total * 100) / 100 };
  await storage.set(key, stored);
  await events.publish("order.received", { id: stored.id, total: stored.total }, { subject: stored.id });
  console.info(`Order ${stored.id} received`, { total: stored.total });
  return Response.json({ ...stored, status: "received" }, { status: 201 });
}

// What comes from outside is checked before it is used.
function problemWith(order) {
  if (order === null || typeof order !== "object") return "The body must be a JSON object";
  if (typeof order.id !== "string" || !/^[\w-]{1,64}$/.test(order.id)) return "'id' must be 1 to 64 letters, digits, '-' or '_'";
  if (!Array.isArray(order.items) || order.items.length === 0) return "'items' must be a list that is not empty";
  const isItem = (item) => typeof item?.product_id === "string" && Number.isInteger(item.quantity) && item.quantity > 0;
  return order.items.every(isItem) ? null : "Each item needs a 'product_id' and a whole 'quantity' above 0";
}
