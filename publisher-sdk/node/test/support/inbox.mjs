// Emits client events as a node does, with the protocol's own script, and receives the replies of a
// node.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { ROOT, part } from "./package.mjs";

const { shardOf } = await part("protocol/keys.js");
const lua = (name) => readFileSync(join(ROOT, "protocol/src/inbox", `${name}.lua`), "utf8");
const EMIT = lua("append") + lua("emit");

export const streamOf = (user) => `wb:{inbox:${shardOf(user)}}:events`;
export const deadOf = (user) => `wb:{inbox:${shardOf(user)}}:dead`;

// Emits an event from a connection. `ask` takes the key first. Returns the script's reply.
export function emit(ask, { user, type = "send-message", data = null, json = JSON.stringify(data), id, ref, connection = "k3j9x2ma.1f", device, traceparent }) {
  const more = Object.entries({ device, traceparent }).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  const fields = ["id", id ?? randomBytes(8).toString("hex"), "type", type, "user", user, "data", json, ...more];
  const keys = [streamOf(user), ...(id === undefined ? [] : [`wb:{inbox:${shardOf(user)}}:seen:${user} ${id}`])];
  return ask(keys[0], "EVAL", EMIT, keys.length, ...keys, 1_000, 3_600_000, 600_000, connection, ref ?? "", ...fields);
}

// Subscribes as the node of a connection, and records its messages in order.
export async function nodeAt(port, connection = "k3j9x2ma.1f") {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 2 });
  client.on("error", () => {});
  await client.connect();
  const received = [];
  await client.sSubscribe(`wb:{node:${connection.split(".")[0]}}:announce`, (message) => received.push(message));
  return { received, frames: () => received.map((message) => JSON.parse(message.slice(message.indexOf("\n") + 1))), close: () => client.destroy() };
}
