// A connection's state and its token, in words.
import { span } from "./clock.js";
import { meaning } from "./closing.js";

export function stateInWords({ name, code, why, at }, now = Date.now()) {
  if (name === "reconnecting") {
    const left = Math.ceil((at - now) / 1000);
    const reason = why ?? `${code}, ${meaning(code)}`;
    return `${left > 0 ? `reconnecting in ${left} s` : "reconnecting"} (${reason})`;
  }
  return name === "closed" ? `closed with ${code}, ${meaning(code)}` : name;
}

export function tokenInWords(expires, renewals, now = Date.now()) {
  const left = expires - now / 1000;
  const validity = left > 0 ? `valid for ${span(left)}` : "expired";
  const times = renewals === 1 ? "once" : `${renewals} times`;
  return renewals ? `${validity}, renewed ${times}` : validity;
}
