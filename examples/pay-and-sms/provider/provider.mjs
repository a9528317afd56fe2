// A stand-in for a provider of text messages: accepts one message for each idempotency key, and shows them on a page.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { json } from "node:stream/consumers";

const style = readFileSync(new URL("../../page.css", import.meta.url));
const sent = new Map();

const safe = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const row = ({ to, text, at }) => `<li data-testid="message"><b>${safe(to)}</b> <span>${safe(text)}</span> <time>${at.toTimeString().slice(0, 8)}</time></li>`;
const page = () => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="2"><title>Text messages</title><link rel="icon" href="data:,"><style>${style}</style>
<header><h1>Text messages</h1><span class="soft small">messages that the provider accepted</span></header>
<section>${sent.size === 0 ? `<p class="soft">None so far.</p>` : `<ul class="events">${[...sent.values()].reverse().map(row).join("")}</ul>`}</section>`;

const server = createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/messages") {
    const key = request.headers["idempotency-key"];
    const message = await json(request);
    if (!sent.has(key)) sent.set(key, { ...message, at: new Date() });
    return response.writeHead(202).end();
  }
  if (request.url === "/messages") return response.end(JSON.stringify([...sent.values()]));
  response.writeHead(200, { "content-type": "text/html" }).end(page());
});
server.listen(Number(process.env.PORT ?? 3001), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
