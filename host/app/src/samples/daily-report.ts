// Runs on a schedule: how many orders are there, and what are they worth?
//
// A cron script is given the slot it runs for. Started by hand it is given whatever the caller sends, so that the slot
// may be missing. The types are removed when the script is saved; errors still show these lines.
interface Slot {
  scheduledTime?: string;
}

interface Order {
  id: string;
  total?: number;
}

interface Report {
  day: string;
  orders: number;
  total: number;
  largest: string | null;
}

export default async function dailyReport(slot: Slot | null): Promise<Report> {
  const day = new Date(slot?.scheduledTime ?? Date.now()).toISOString().slice(0, 10);
  const report: Report = { day, orders: 0, total: 0, largest: null };
  let largestTotal = 0;

  for await (const order of allOrders()) {
    const total = order.total ?? 0;
    report.orders += 1;
    report.total += total;
    if (total > largestTotal) {
      largestTotal = total;
      report.largest = order.id;
    }
  }
  report.total = Math.round(report.total * 100) / 100;

  // Kept for thirty days; the same day's next report replaces it.
  await storage.set(`reports/${day}`, report, { ttl: 30 * 24 * 60 * 60 });
  console.info(`${report.orders} orders, ${report.total} in all`, report);
  return report;
}

// A list comes in pages: each names the place where the next one begins.
async function* allOrders(): AsyncGenerator<Order> {
  let cursor: string | undefined;
  do {
    const page = await storage.list({ prefix: "orders/", cursor, limit: 500 });
    for (const entry of page.entries) yield entry.value as Order;
    cursor = page.cursor ?? undefined;
  } while (cursor);
}
