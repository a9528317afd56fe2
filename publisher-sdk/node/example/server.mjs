// A shop with Express: the webhook of a payment provider notifies the customer and responds at once.
//
//   npm install express /path/to/wirebell/publisher-sdk/node
//   WIREBELL_URL=redis://127.0.0.1:6379 PORT=3000 node server.mjs
import express from "express";
import { Publisher, WirebellError } from "wirebell-publisher";

const wb = await Publisher.connect(process.env.WIREBELL_URL ?? "http://127.0.0.1:9090");
const app = express();
app.use(express.json());

// The provider waits for the response, so the event is enqueued: this works in any state of the
// bus.
app.post("/webhooks/payments", (request, response) => {
  const { payment, user, status } = request.body;
  wb.enqueue({ to: `user:${user}`, type: "payment-status", data: { payment, status }, id: `payment-${payment}-${status}` });
  response.sendStatus(204);
});

// A support message waits for its acknowledgement: the response says whether the customer has seen
// it.
app.post("/users/:user/messages", async (request, response) => {
  const published = await wb.publish({ to: `user:${request.params.user}`, type: "message", data: request.body, receipt: true });
  try {
    const { device } = await published.acknowledged({ timeout: 5_000 });
    response.json({ id: published.id, seen: device });
  } catch (error) {
    if (!(error instanceof WirebellError)) throw error;
    response.json({ id: published.id, seen: null, because: error.code });
  }
});

// An invalid user is the caller's error; an unreachable bus is not.
app.use((error, _request, response, next) => {
  if (!(error instanceof WirebellError)) return next(error);
  response.status(error.code === "invalid_event" ? 422 : 503).json({ code: error.code, message: error.message });
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));

process.once("SIGTERM", async () => {
  await new Promise((resolve) => server.close(resolve));
  await wb.close({ timeout: 5_000 });
});
