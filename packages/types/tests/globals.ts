// What the types allow, and what they refuse. Checked by `npm test`; never run.

interface Product {
  id: string;
  stock: number;
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

// Entries.
export const cron: CronHandler = ({ scheduledTime, lastRun }) => lastRun ?? scheduledTime;
export const subscriber: EventHandler<Product> = (event) => event.data.stock + 1;
export const rule: Handler<{ id: string }, boolean> = async ({ id }) => id !== "";
export const endpoint: EndpointHandler = (request) => ({ status: 200, body: request.params.id });
export const worker = {
  async fetch(request, env, ctx) {
    ctx.waitUntil(http.post("https://example.com/", { url: request.url }, { headers: { authorization: env.TOKEN } }));
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler;
// @ts-expect-error the argument of a cron script has no such member
export const wrongCron: CronHandler = (input) => input.time;
// @ts-expect-error a status is a number
export const wrongEndpoint: ExportedHandler = { fetch: () => ({ status: "200", headers: 1 }) as Envelope };

export async function stores() {
  same<string | null, Awaited<ReturnType<typeof storage.get<string>>>>(true);
  const product = await storage.get<Product>("p-1");
  // @ts-expect-error there may be none
  product.stock;
  const several = await storage.getMany<number>(["a", "b"]);
  same<(number | null)[], typeof several>(true);
  await storage.set("p-1", { id: "p-1" }, { ttl: 60 });
  await storage.set("p-1", 1, 60);
  // @ts-expect-error a time to live is a number
  await storage.set("p-1", 1, "60");
  // @ts-expect-error keys are text
  await storage.get(1);
  const { entries, cursor } = await storage.list<Product>({ prefix: "p-", limit: 10 });
  same<{ key: string; value: Product }[], typeof entries>(true);
  same<string | null, typeof cursor>(true);
  await storage.increment("count");
  // @ts-expect-error a sum is a number
  await storage.increment("count", "1");
  await storage.commit();
}

export async function reachesOut(signal: AbortSignal) {
  const key = await secrets.get("stripe");
  // @ts-expect-error a handle is no text
  const text: string = key;
  await http.get("https://example.com/", { headers: { authorization: key.format("Bearer {}") }, timeout: 500 });
  await http.post(new URL("https://example.com/"), { any: ["thing"] }, { signal, redirect: "manual" });
  await http.request("https://example.com/", { method: "PURGE", form: { a: 1, b: key } });
  // @ts-expect-error there is no such mode
  await http.get("https://example.com/", { redirect: "never" });
  const response = await fetch("https://example.com/", { method: "POST", body: "x", headers: [["authorization", key]] });
  same<Response, typeof response>(true);
  // @ts-expect-error fetch sends objects only as text
  await fetch("https://example.com/", { body: { a: 1 } });
  const product = await response.json<Product>();
  same<Product, typeof product>(true);
  same<string, Awaited<ReturnType<typeof key.hmac>>>(false);
  const signed: string = await key.hmac("sha256", "x");
  const bytes: Uint8Array = await key.hmac("sha256", "x", "bytes");
  // @ts-expect-error a secret has no SHA-1
  await key.hmac("sha1", "x");
  const isRight: boolean = await key.verify("sha512", bytes, signed);
  const byHost: Promise<string> = utils.hmac("sha256", key, "x");
  const here: string = utils.hmac("sha1", "key", "x");
  return [text, isRight, byHost, here, await services.anything.goes(1, 2)];
}

export async function publishes() {
  const id: string = await events.publish("order.received", { id: 1 }, { subject: "o-1" });
  // @ts-expect-error the host sets the source
  await events.publish("order.received", {}, { source: "me" });
  return id;
}

export function knowsItself() {
  // @ts-expect-error the context is frozen
  context.tenant.id = "other";
  // @ts-expect-error nobody may have triggered it
  context.user.id;
  same<"cron" | "endpoint" | "event" | "embedded" | "one_off", typeof context.script.kind>(true);
  const error = new SkerryError("x", { code: "quota", cause: 1 });
  return error.code === "not_found" || error instanceof Error;
}

export function computes() {
  const soon: number = utils.date.add(new Date(), { days: 1, hours: -1 }, "Europe/Berlin");
  // @ts-expect-error there is no such unit
  utils.date.add(soon, { day: 1 });
  // @ts-expect-error there is no such unit
  utils.date.startOf(soon, "decade");
  const bytes: Uint8Array = utils.base64.decode("aGk=");
  const text: string = utils.base64.decode("aGk=", "text");
  // @ts-expect-error there is no such algorithm
  utils.hash("md5", text);
  const array: Uint32Array = crypto.getRandomValues(new Uint32Array(4));
  const timer: number = setTimeout((a: number, b: string) => [a, b], 10, 1, "x");
  // @ts-expect-error the callback takes a number
  setTimeout((a: number) => a, 10, "x");
  clearTimeout(timer);
  const copy: Map<string, number[]> = structuredClone(new Map([["a", [1]]]));
  for (const [name, value] of new URLSearchParams("a=1")) console.log(name, value);
  for (const [name, value] of new Headers({ a: "1" })) console.log(name, value);
  return [bytes, array, copy, performance.now(), btoa(atob("aGk="))];
}

export function isNoBrowser() {
  return [
    // @ts-expect-error there is no page
    typeof window,
    // @ts-expect-error there is no page
    typeof document,
    // @ts-expect-error there is no process
    typeof process,
    // @ts-expect-error there are no modules
    typeof require,
    // @ts-expect-error bytes are `Uint8Array`s
    typeof Buffer,
  ];
}
