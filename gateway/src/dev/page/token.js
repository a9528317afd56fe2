// Tokens: fetched here, handed to the socket, shown nowhere.
import { post } from "./http.js";

// Seconds; what the server takes when nothing else is asked for.
export const SHORT = 20;

export async function mint(user, device, lifetime) {
  const { token } = await post("/dev/token", { user, device, lifetime: lifetime ?? undefined });
  return token;
}

// Milliseconds from now until the token should be renewed: when half of it is gone, or a minute before its end,
// whichever is later. A node may warn of a short token at once, and that must not make us renew in a ring.
export function renewIn(expires, begun, now = Date.now()) {
  const end = expires * 1000;
  return Math.max(begun + (end - begun) / 2, end - 60_000) - now;
}
