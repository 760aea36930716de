// Sign one of your platform's users in to a tenant: the token for POST /api/v1/sign-in/platform (docs/sign-in.md).
//
//   openssl genpkey -algorithm ed25519 -out platform.pem
//   openssl pkey -in platform.pem -pubout -out platform.pub.pem    # 'keys' of [[sign_in.platform]]
//   node sign.mjs platform.pem https://platform.example https://skerry.example user-7 acme editor

import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";

/** A token that is good once and for 30 seconds. `key` is a private key, `user` is `{ id, name, tenant, role }`. */
export function signInToken(key, issuer, deployment, user) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { alg: "EdDSA", typ: "JWT" };
  const claims = {
    iss: issuer,
    aud: deployment,
    sub: user.id, // what your platform knows the person by, for ever: not an address
    name: user.name,
    tenant: user.tenant,
    role: user.role,
    jti: randomUUID(),
    iat: now,
    exp: now + 30,
  };
  const message = `${encode(header)}.${encode(claims)}`;
  return `${message}.${sign(null, Buffer.from(message), key).toString("base64url")}`;
}

const [file, issuer, deployment, id, tenant, role] = process.argv.slice(2);
if (role) {
  const key = createPrivateKey(readFileSync(file));
  console.log(signInToken(key, issuer, deployment, { id, name: id, tenant, role }));
}
