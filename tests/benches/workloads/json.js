export default function handler(input) {
  const rows = input.rows;
  const kept = rows.filter(r => r.active && r.amount > 100).map(r => ({ id: r.id, name: r.name.toUpperCase(), region: r.region, total: Math.round(r.amount * (1 + r.tax) * 100) / 100, tags: r.tags.slice(0, 2) }));
  const groups = {};
  for (const r of kept) { const g = groups[r.region] || (groups[r.region] = { count: 0, sum: 0, rows: [] }); g.count++; g.sum += r.total; g.rows.push(r); }
  const regions = Object.keys(groups).sort();
  return { regions: regions.map(k => ({ region: k, count: groups[k].count, sum: Math.round(groups[k].sum * 100) / 100, rows: groups[k].rows.sort((a, b) => b.total - a.total) })), all: kept };
}
