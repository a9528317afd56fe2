// Makes tokens as a sign-in service does, with the secret of `wirebell dev`.
import { createHmac } from "node:crypto";

const SECRET = "wirebell-dev-secret";
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function token(user, { lifetime = 600, secret = SECRET, ...claims } = {}) {
  const exp = Math.floor(Date.now() / 1000) + lifetime;
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp, ...claims })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
