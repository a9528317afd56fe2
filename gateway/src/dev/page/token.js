// Requests tokens. They go to the socket and are never shown.
import { post } from "./http.js";

// Lifetime of a short token, in seconds.
export const SHORT = 20;

export async function mint(user, device, lifetime) {
  const { token } = await post("/dev/token", { user, device, lifetime: lifetime ?? undefined });
  return token;
}

// Returns the milliseconds until the token should be renewed: at half its lifetime or a minute
// before its end, whichever is later. A node may send `wirebell.expiring` for a short token at
// once, which must not cause a renewal loop.
export function renewIn(expires, issued, now = Date.now()) {
  const end = expires * 1000;
  return Math.max(issued + (end - issued) / 2, end - 60_000) - now;
}
