export default function handler(input) { return { ok: true }; }
