// The web server: the page, the sign-in, and the earlier messages.
import { fileURLToPath } from "node:url";
import express from "express";

import { SignIn } from "../sign-in.mjs";
import { Messages } from "./messages.mjs";
import { clients, file, port, rooms, secrets } from "./settings.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const messages = new Messages(file);
const signIn = new SignIn(secrets);

const app = express();
app.use(express.json());
app.use(express.static(here("public")));
app.use("/wirebell", express.static(here("../node_modules/wirebell/dist")));
app.get("/page.css", (_, response) => response.sendFile(here("../page.css")));

app.post("/sign-in", signIn.handler());

// The token names the topics that a client may subscribe to and the types that it may emit.
app.get("/token", signIn.required, async ({ user }, response) => {
  const claims = { topics: ["room-*"], emit: ["send-message"] };
  response.json({ user, url: clients, rooms, token: await signIn.token(user, claims) });
});

app.get("/messages", signIn.required, ({ query }, response) => response.json(messages.latest(query.room)));

const server = app.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
