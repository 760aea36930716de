// Verifies the token that each call of a service of yours carries (docs/services.md). Node 20, nothing to install.
//
//   const verifier = new Verifier({ jwks, issuer: "https://skerry.example", audience: "billing" });
//   const claims = verifier.verify({ authorization, method, path, body });
//
// `jwks` is what /.well-known/jwks.json answered: fetch it at the start, and again when a token names a key that is not
// in it, at most once a minute. `path` is the request's own, query included; `body` its bytes.
import { createHash, createPublicKey, verify } from "node:crypto";
import { pathToFileURL } from "node:url";

const CLOCK_SKEW_SECONDS = 30;

export class Verifier {
  #keys;
  #issuer;
  #audience;
  #seen = new Map();

  constructor({ jwks, issuer, audience }) {
    // Only keys of the one kind: the token never chooses the algorithm.
    const usable = jwks.keys.filter((key) => key.kty === "OKP" && key.crv === "Ed25519");
    this.#keys = new Map(usable.map((key) => [key.kid, createPublicKey({ key, format: "jwk" })]));
    this.#issuer = issuer;
    this.#audience = audience;
  }

  /** The claims of a request that came from Skerry; throws for any other. */
  verify({ authorization, method, path, body }, now = Math.floor(Date.now() / 1000)) {
    const [, token] = /^Bearer ([\w.-]+)$/.exec(authorization ?? "") ?? refuse("there is no token");
    const parts = token.split(".");
    if (parts.length !== 3) refuse("it is no token");
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    const key = this.#keys.get(header.kid) ?? refuse("its key is not known");
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (header.alg !== "EdDSA" || !verify(null, signed, key, Buffer.from(parts[2], "base64url"))) {
      refuse("its signature does not hold");
    }
    if (claims.iss !== this.#issuer || claims.aud !== this.#audience) refuse("it is for somebody else");
    if (!(claims.iat <= now + CLOCK_SKEW_SECONDS) || !(claims.exp > now - CLOCK_SKEW_SECONDS)) refuse("it is not valid now");
    const digest = createHash("sha256").update(body).digest("base64url");
    if (claims.method !== method || claims.path !== path || claims.body_sha256 !== digest) {
      refuse("it is for another request");
    }
    this.#once(claims, now);
    return claims;
  }

  /** Each token opens one request. */
  #once({ jti, exp }, now) {
    for (const [id, end] of this.#seen) if (end < now - CLOCK_SKEW_SECONDS) this.#seen.delete(id);
    if (this.#seen.has(jti)) refuse("it was used before");
    this.#seen.set(jti, exp);
  }
}

function refuse(reason) {
  throw new Error(`the request is refused: ${reason}`);
}

// `node verify.mjs < request.json` prints the claims: for trying it out.
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { jwks, issuer, audience, now, requests } = JSON.parse(Buffer.concat(chunks).toString());
  const verifier = new Verifier({ jwks, issuer, audience });
  const answers = requests.map((request) => {
    try {
      return { claims: verifier.verify({ ...request, body: Buffer.from(request.body) }, now) };
    } catch (error) {
      return { refused: error.message };
    }
  });
  console.log(JSON.stringify(answers));
}
