// The SMS service: handles payments that no device acknowledged in time. Several workers share the events.
import { readFileSync } from "node:fs";
import { Fallbacks } from "wirebell-publisher";

const { PUSH_REDIS = "redis://127.0.0.1:6379", PROVIDER = "http://127.0.0.1:3001" } = process.env;
const numbers = JSON.parse(readFileSync(new URL("numbers.json", import.meta.url), "utf8"));

const fallbacks = await Fallbacks.connect(PUSH_REDIS, "text-messages");

// An exception makes the worker retry later. The event's id is the idempotency key, so a worker that dies after sending
// does not cause a second message.
async function send({ id, channel, event }) {
  const to = numbers[channel.replace("user:", "")];
  if (event.type !== "payment-status" || !to) return;
  const response = await fetch(`${PROVIDER}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": id },
    body: JSON.stringify({ to, text: `You paid ${event.data.amount} EUR.` }),
  });
  if (!response.ok) throw new Error(`the provider answered ${response.status}`);
}

process.once("SIGTERM", () => fallbacks.close({ timeout: 5_000 }));
console.log("handling fallback events");
await fallbacks.run(send);
