// Chromium, a site that serves the package and tokens, and tabs with a client.
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { token } from "./node.mjs";
import { FOLDER } from "./package.mjs";
import { eventually } from "./wait.mjs";

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// The page of an app. It records what it receives for the test.
const PAGE = `<!doctype html><meta charset="utf-8"><title>app</title><div id="root"></div><script type="module">
  const query = new URLSearchParams(location.search);
  const { wirebell } = await import("/dist/" + (query.get("entry") ?? "index") + ".js");
  window.seen = { events: [], errors: [], gaps: [], states: [] };
  const token = async () => (await (await fetch("/token?user=" + query.get("user") + "&lifetime=" + (query.get("lifetime") ?? 600))).json()).token;
  window.wb = wirebell(query.get("node"), { token });
  wb.onStatus((status) => seen.states.push(status.state));
  wb.onError((error) => seen.errors.push(error.code + ": " + error.message));
  wb.onGap(({ channel }) => seen.gaps.push(channel));
  if (query.get("deaf") === null) wb.on("*", (data, event) => { seen.events.push(data); });
  for (const topic of query.getAll("topic")) wb.subscribe("topic:" + topic);
</script>`;

export class Site {
  // Users in this set get no token.
  signedOut = new Set();
  #scripts = new Map();

  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => site.#answer(request, response)).listen(0, "127.0.0.1");
    await once(site.server, "listening");
    site.url = `http://127.0.0.1:${site.server.address().port}`;
    return site;
  }

  script(name, text) {
    this.#scripts.set(`/${name}`, text);
  }

  #answer({ url }, response) {
    const { pathname, searchParams } = new URL(url, this.url);
    const send = (type, text) => response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(text);
    if (pathname === "/token") {
      const user = searchParams.get("user");
      const made = this.signedOut.has(user) ? null : token(user, { lifetime: Number(searchParams.get("lifetime")), device: "browser" });
      return send("application/json", JSON.stringify({ token: made }));
    }
    if (pathname.startsWith("/dist/")) return send("text/javascript", readFileSync(join(FOLDER, normalize(pathname))));
    if (this.#scripts.has(pathname)) return send("text/javascript", this.#scripts.get(pathname));
    if (pathname === "/app") return send("text/html", `<!doctype html><meta charset="utf-8"><div id="root"></div><script src="/${searchParams.get("script")}"></script>`);
    return send("text/html", PAGE);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// Starts a site and a browser for the tests of a file.
export function browserTests() {
  const on = {};
  before(async () => {
    on.site = await Site.start();
    on.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
  });
  after(async () => {
    await on.browser?.close();
    on.site?.stop();
  });
  on.open = async (context, query) => {
    const topics = (query.topics ?? []).map((topic) => ["topic", topic]);
    const { topics: _, ...rest } = query;
    const page = await context.newPage();
    await page.goto(`${on.site.url}/?${new URLSearchParams([...Object.entries(rest), ...topics])}`);
    await state(page, "online");
    return page;
  };
  return on;
}

export const status = (page) => page.evaluate(() => window.wb?.status);
export const state = (page, wanted, within) => eventually(() => status(page), (now) => now?.state === wanted, within);
export const events = (page) => page.evaluate(() => window.seen?.events ?? []);
export const got = (page, count, within) => eventually(() => events(page), ({ length }) => length >= count, within);
