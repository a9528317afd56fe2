// A client in Node.js that records what it receives.
import WebSocket from "ws";
import { client } from "./package.mjs";
import { token as sign } from "./node.mjs";
import { eventually } from "./wait.mjs";

export function memory() {
  const stored = new Map();
  return { stored, getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key) };
}

// `user` is the user of its tokens, unless `token` is given.
export function connect(url, { user = "42", claims = {}, ...options } = {}) {
  const wb = client.wirebell(url, { WebSocket, fetch: null, token: async () => sign(user, claims), ...options });
  const seen = { wb, events: [], errors: [], gaps: [], states: [wb.status.state], messages: [] };
  wb.on("*", (data, event) => void seen.events.push(event));
  wb.onStatus(({ state, message }) => { seen.states.push(state); if (message) seen.messages.push(message); });
  wb.onError((error) => seen.errors.push(error));
  wb.onGap((gap) => seen.gaps.push(gap));
  seen.data = () => seen.events.map(({ data }) => data);
  seen.until = (state, within) => eventually(() => wb.status, (status) => status.state === state, within);
  seen.got = (count, within) => eventually(() => seen.data(), (all) => all.length >= count, within);
  return seen;
}
