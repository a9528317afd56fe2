// The backend: signs users in, keeps their accounts, and checks on each request what they may do.
import { fileURLToPath } from "node:url";
import express from "express";
import { Publisher } from "wirebell-publisher";

import { Accounts } from "./accounts.mjs";
import { access, onlyAdmin, signIn, signedIn } from "./session.mjs";
import { file, hibernateAfter, port, publishTo } from "./settings.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const wb = await Publisher.connect(publishTo);
const accounts = new Accounts(wb, hibernateAfter, file);

const app = express();
app.use(express.json());
app.use(express.static(here("public"), { extensions: ["html"] }));
app.get("/page.css", (_, response) => response.sendFile(here("../page.css")));

// For trying it out, a name will do.
app.post("/sign-in", async ({ body }, response) => {
  if (!/^[a-z]{2,20}$/.test(body?.user ?? "")) return response.status(422).json({ problem: "A name of 2 to 20 letters, a to z." });
  if (body.user !== "admin") await accounts.open(body.user);
  await signIn(response, body.user);
  response.json({ user: body.user });
});

app.get("/token", signedIn, async ({ user }, response) => response.json({ user, ...(await access(user)) }));

app.post("/work", signedIn, async ({ user, body }, response) => {
  await accounts.active(user);
  if (!accounts.may(user, body?.what)) return response.status(403).json({ problem: `You may not ${body.what}.` });
  response.json({ done: body.what });
});

app.put("/accounts/:user/permissions", signedIn, onlyAdmin, async ({ params, body }, response) => {
  const told = accounts.permit(params.user, body?.permissions ?? []);
  if (!told) return response.status(404).json({ problem: "There is no such account." });
  await told;
  response.sendStatus(204);
});

// What has gone wrong is told in the same shape as what was refused.
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
