// A service with Express. It publishes events on HTTP requests and prints what it receives as lines of JSON.
//
//   LANGUAGES='{"redis":"redis://…","service":"chat",…}' node services/service.mjs
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { Fallbacks, Inbox, Publisher, WirebellError } from "wirebell-publisher";

const print = (line) => console.log(JSON.stringify(line));
const settings = JSON.parse(process.env.LANGUAGES);
const me = "node";

const wb = await Publisher.connect(settings.redis);
const workers = [];
const running = [];

if (settings.group !== undefined) {
  const fallbacks = await Fallbacks.connect(settings.redis, settings.group);
  running.push(fallbacks.run(({ id, channel, event }) => print({ fallback: id, channel, data: event.data })));
  workers.push(fallbacks);
  const receipts = wb.follow({ group: settings.group });
  running.push((async () => { for await (const { id, outcome } of receipts) print({ receipt: id, outcome }); })());
}

const inbox = await Inbox.connect(settings.redis, settings.service, { goneAfter: settings.goneAfter, backoff: 50 });
inbox.on(`ask-${me}`, ({ data, user }) => ({ from: me, user, data }));
for (const type of ["note", "user.online", "user.offline"]) {
  inbox.on(type, ({ id, type, user, device, json }) => print({ event: id, type, user, device: device ?? null, json }));
}
// The events in `hangs` are never finished here.
inbox.on(settings.batch ?? "batch", async ({ data, tries }) => {
  print({ begun: data, tries });
  if (settings.hangs?.includes(data)) await sleep(600_000);
  print({ handled: data });
  return { by: me, number: data };
});
running.push(inbox.run());
workers.push(inbox);

const app = express();
app.use(express.json());
app.post("/publish", async (request, response) => {
  const published = await wb.publish(request.body);
  response.json({ id: published.id, nodes: published.nodes });
});
app.post("/confirm", async (request, response) => {
  const published = await wb.publish({ ...request.body, receipt: true });
  const { device } = await published.acknowledged({ timeout: 10_000 });
  response.json({ id: published.id, device });
});
app.use((error, _request, response, next) => {
  if (!(error instanceof WirebellError)) return next(error);
  response.status(422).json({ code: error.code });
});
const server = app.listen(Number(process.env.PORT), "127.0.0.1", () => print({ ready: me }));

process.once("SIGTERM", async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await Promise.all(workers.map((worker) => worker.close({ timeout: 2_000 })));
  await wb.close();
  await Promise.all(running);
});
