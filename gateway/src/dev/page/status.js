// Text for the state of a connection and of its token.
import { span } from "./clock.js";
import { meaning } from "./close_codes.js";

export function stateText({ name, code, why, at }, now = Date.now()) {
  if (name === "reconnecting") {
    const left = Math.ceil((at - now) / 1000);
    const reason = why ?? `${code}, ${meaning(code)}`;
    return `${left > 0 ? `reconnecting in ${left} s` : "reconnecting"} (${reason})`;
  }
  return name === "closed" ? `closed with ${code}, ${meaning(code)}` : name;
}

export function tokenText(expires, renewals, now = Date.now()) {
  const left = expires - now / 1000;
  const validity = left > 0 ? `valid for ${span(left)}` : "expired";
  const times = renewals === 1 ? "once" : `${renewals} times`;
  return renewals ? `${validity}, renewed ${times}` : validity;
}
