// A client in Node.js, and what it has been told.
import WebSocket from "ws";
import { client } from "./package.mjs";
import { token as sign } from "./node.mjs";
import { eventually } from "./wait.mjs";

export function memory() {
  const kept = new Map();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
}

// `user` is whom its tokens are for, unless `token` is given.
export function connect(url, { user = "42", claims = {}, ...options } = {}) {
  const wb = client.wirebell(url, { WebSocket, fetch: null, token: async () => sign(user, claims), ...options });
  const seen = { wb, events: [], errors: [], gaps: [], states: [wb.status.state], whys: [] };
  wb.on("*", (data, event) => void seen.events.push(event));
  wb.onStatus(({ state, message }) => { seen.states.push(state); if (message) seen.whys.push(message); });
  wb.onError((error) => seen.errors.push(error));
  wb.onGap((gap) => seen.gaps.push(gap));
  seen.data = () => seen.events.map(({ data }) => data);
  seen.until = (state, within) => eventually(() => wb.status, (status) => status.state === state, within);
  seen.got = (count, within) => eventually(() => seen.data(), (all) => all.length >= count, within);
  return seen;
}
