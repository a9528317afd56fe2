// Who somebody is: a cookie for this site, and from it a token for the nodes.
import { SignJWT, jwtVerify } from "jose";

import { clients, cookieSecret, pushSecret } from "./settings.mjs";

const key = (secret) => new TextEncoder().encode(secret);
const sign = (claims, user, lifetime, secret) =>
  new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setSubject(user).setExpirationTime(lifetime).sign(key(secret));

export async function signIn(response, user) {
  const session = await sign({}, user, "30d", cookieSecret);
  response.cookie("session", session, { httpOnly: true, sameSite: "strict" });
}

// The middleware: lets those in who are signed in, as `request.user`.
export async function signedIn(request, response, next) {
  const session = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  try {
    request.user = (await jwtVerify(session ?? "", key(cookieSecret))).payload.sub;
  } catch {
    return response.status(401).json({ problem: "Sign in first." });
  }
  next();
}

export function onlyAdmin(request, response, next) {
  if (request.user === "admin") return next();
  response.status(403).json({ problem: "Only for admins." });
}

// Permissions are not in the token: they would stay as they were until it is renewed.
export async function access(user) {
  const topics = user === "admin" ? ["accounts"] : [];
  return { url: clients, token: await sign({ topics }, user, "10m", pushSecret) };
}
