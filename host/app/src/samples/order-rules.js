// Runs wherever the host application asks: is this order good?
//
// An embedded script is given the caller's JSON and answers JSON. A module without `export default` runs its only
// top-level function. Try it with {"id":"o-1","total":25,"items":[{"product_id":"p-100","quantity":2}]}
async function validateOrder(order) {
  console.info(`Validating order ${order.id} for tenant ${context.tenant.name}`);
  const errors = [];

  // `services` are what the operator connected. This script's capabilities name `products.get` and nothing else.
  for (const item of order.items) {
    const product = await services.products.get(item.product_id);
    if (product === null) {
      errors.push(`Unknown product ${item.product_id}`);
    } else if (product.stock < item.quantity) {
      errors.push(`Insufficient stock for ${product.name}`);
    }
  }

  // `storage` is the tenant's own key-value store; what is not there is null.
  const minOrderValue = await storage.get("min_order_value");
  if (minOrderValue && order.total < minOrderValue) {
    errors.push(`Order total is below the minimum of ${minOrderValue}`);
  }

  // An event becomes visible together with the result, or not at all.
  await events.publish("order.validation.completed", {
    orderId: order.id,
    errorCount: errors.length,
  });

  return { valid: errors.length === 0, errors };
}
