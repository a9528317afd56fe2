// The SMS service: takes over what no device has shown in time. Any number of these may run; they share the work.
import { readFileSync } from "node:fs";
import { Fallbacks } from "wirebell-publisher";

const { PUSH_REDIS = "redis://127.0.0.1:6379", PROVIDER = "http://127.0.0.1:3001" } = process.env;
const numbers = JSON.parse(readFileSync(new URL("numbers.json", import.meta.url), "utf8"));

const fallbacks = await Fallbacks.connect(PUSH_REDIS, "text-messages");

// What throws here is tried again later. The provider is told the event's id, so that a worker which dies between sending
// and saying so does not make a second message of it.
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
console.log("waiting for what nobody has seen");
await fallbacks.run(send);
