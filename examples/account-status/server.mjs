// The backend: signs users in, stores their accounts, and checks permissions on each request.
import { fileURLToPath } from "node:url";
import express from "express";
import { Publisher } from "wirebell-publisher";

import { SignIn } from "../sign-in.mjs";
import { Accounts } from "./accounts.mjs";
import { clients, file, hibernateAfter, port, publishTo, secrets } from "./settings.mjs";

const ADMIN = "admin";
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const wb = await Publisher.connect(publishTo);
const signIn = new SignIn(secrets);
const accounts = new Accounts(wb, hibernateAfter, file);

const app = express();
app.use(express.json());
app.use(express.static(here("public"), { extensions: ["html"] }));
app.get("/page.css", (_, response) => response.sendFile(here("../page.css")));

app.post("/sign-in", signIn.handler(async (user) => user !== ADMIN && accounts.open(user)));

// Permissions are not in the token, because they would stay unchanged until it is renewed.
app.get("/token", signIn.required, async ({ user }, response) => {
  const topics = user === ADMIN ? ["accounts"] : [];
  response.json({ user, url: clients, token: await signIn.token(user, { topics }) });
});

app.post("/work", signIn.required, async ({ user, body }, response) => {
  await accounts.active(user);
  if (!accounts.may(user, body?.what)) return response.status(403).json({ problem: `You may not ${body.what}.` });
  response.json({ done: body.what });
});

app.put("/accounts/:user/permissions", signIn.required, onlyAdmin, async ({ params, body }, response) => {
  const published = accounts.permit(params.user, body?.permissions ?? []);
  if (!published) return response.status(404).json({ problem: "There is no such account." });
  await published;
  response.sendStatus(204);
});

function onlyAdmin({ user }, response, next) {
  if (user === ADMIN) return next();
  response.status(403).json({ problem: "Only for admins." });
}

// An error has the same shape as a rejected request.
app.use((error, _request, response, _next) => {
  console.error(error.message);
  response.status(error.code === "unavailable" ? 503 : (error.status ?? 500)).json({ problem: "That did not work. Try again." });
});

const server = app.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await wb.close();
});
