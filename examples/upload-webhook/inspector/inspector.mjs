// A stand-in for a third party: accepts a file, inspects it for a while, and calls a webhook with the result until the
// call succeeds.
import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const { PORT = "3001", TAKES = "5000", AGAIN_AFTER = "2000", WEBHOOK_SECRET = "shared with the inspector" } = process.env;
const MAX_ATTEMPTS = 20;

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://inspector");
  if (request.method !== "POST" || pathname !== "/jobs") return response.writeHead(404).end();
  const content = await buffer(request);
  response.writeHead(202).end();
  await sleep(Number(TAKES));
  await callWebhook(searchParams.get("callback"), { job: searchParams.get("job"), found: inspect(content) });
});

function inspect(content) {
  const text = content.toString("utf8");
  return { lines: text.split("\n").length, words: text.split(/\s+/).filter(Boolean).length, sha256: createHash("sha256").update(content).digest("hex") };
}

async function callWebhook(url, report) {
  const body = JSON.stringify(report);
  for (let left = MAX_ATTEMPTS; left > 0; left--) {
    const at = Math.floor(Date.now() / 1000);
    const v1 = createHmac("sha256", WEBHOOK_SECRET).update(`${at}.${body}`).digest("hex");
    const headers = { "content-type": "application/json", signature: `t=${at},v1=${v1}` };
    const answer = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(Number(AGAIN_AFTER));
  }
  console.error(`gave up on ${report.job}`);
}

server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
