export default async function handler(order) {
  const errors = [];
  for (const item of order.items) {
    const product = await services.products.get(item.product_id);
    if (product.stock < item.quantity) errors.push(`Insufficient stock for ${product.name}`);
  }
  const minOrderValue = await storage.get('min_order_value');
  if (minOrderValue && order.total < minOrderValue) errors.push(`Order total is below the minimum of ${minOrderValue}`);
  await events.publish('order.validation.completed', { orderId: order.id, errorCount: errors.length });
  return { valid: errors.length === 0, errors: errors };
}
