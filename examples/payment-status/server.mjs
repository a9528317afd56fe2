// The backend: accepts a payment, answers at once, and sends the result to the connection that started it.
import { fileURLToPath } from "node:url";
import express from "express";
import { Publisher } from "wirebell-publisher";

import { SignIn } from "../sign-in.mjs";
import { Payments } from "./payments.mjs";
import { clients, port, publishTo, secrets, takes } from "./settings.mjs";

const CONNECTION = /^[a-z0-9]+\.[a-z0-9]+$/;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const wb = await Publisher.connect(publishTo);
const payments = new Payments(wb, takes);
const signIn = new SignIn(secrets);

const app = express();
app.use(express.json());
app.use(express.static(here("public")));
app.get("/page.css", (_, response) => response.sendFile(here("../page.css")));

app.post("/sign-in", signIn.handler());
app.get("/token", signIn.required, async ({ user }, response) => response.json({ user, url: clients, token: await signIn.token(user) }));

app.post("/payments", signIn.required, ({ user, body }, response) => {
  const { amount, socketId } = body ?? {};
  if (!/^\d{1,6}\.\d\d$/.test(amount)) return response.status(422).json({ problem: "An amount such as 49.90, please." });
  if (!CONNECTION.test(socketId)) return response.status(422).json({ problem: "socketId is not a connection id." });
  response.status(202).json(payments.begin(user, amount, socketId));
});

app.put("/payments/:id/socket", signIn.required, ({ user, params, body }, response) => {
  if (!CONNECTION.test(body?.socketId)) return response.status(422).json({ problem: "socketId is not a connection id." });
  const payment = payments.follow(params.id, user, body.socketId);
  if (!payment) return response.status(404).json({ problem: "There is no such payment." });
  response.json(payment);
});

const server = app.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await wb.close();
  process.exit(0); // drops the payments in progress
});
