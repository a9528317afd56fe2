// Server-Sent Events in a real browser: its own EventSource, what it comes back from, and what it may not read.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { token } from "../conformance/token.mjs";
import { Gateway } from "./gateway.mjs";
import { eventually, stage } from "./stage.mjs";

const on = stage({});

// A page of this gateway's origin that listens to a stream, and notes what it hears.
async function listening(page, url, options = {}) {
  await page.evaluate(([url, options]) => {
    window.heard = [];
    window.source = new EventSource(url, options);
    for (const type of ["tick", "wirebell.welcome", "wirebell.gap", "wirebell.reconnect", "wirebell.close"]) {
      source.addEventListener(type, (event) => heard.push({ ...JSON.parse(event.data), lastEventId: event.lastEventId }));
    }
  }, [url, options]);
  return { heard: (type) => page.evaluate((type) => window.heard.filter((frame) => frame.type === type), type), state: () => page.evaluate(() => window.source.readyState) };
}

// One of this gateway's origin, if only to say that there is none: the page that there is may not ask any other origin.
async function page(at = on.gateway) {
  const tab = await on.browser.newPage();
  await tab.goto(at.page("nothing"));
  return tab;
}

const OPEN = 1, CLOSED = 2;

test("a page hears its user's events, each with its cursor", async () => {
  const tab = await page();
  const { heard } = await listening(tab, `/events?access_token=${token("page")}`);
  await eventually(() => heard("wirebell.welcome"), (all) => all.length === 1);
  const { cursor } = await on.gateway.publish({ to: "user:page", type: "tick", data: { a: 1 } });
  const [event] = await eventually(() => heard("tick"), (all) => all.length === 1);
  assert.deepEqual([event.data, event.lastEventId], [{ a: 1 }, cursor]);
  await tab.close();
});

test("a page comes back by itself to the node that takes the place of one that went", async () => {
  const node = await Gateway.start({ "drain.notice": "50ms", "drain.window": "200ms" });
  const tab = await page(node);
  const { heard, state } = await listening(tab, `/events?access_token=${token("page")}`);
  await eventually(() => heard("wirebell.welcome"), (all) => all.length === 1);
  await node.publish({ to: "user:page", type: "tick", data: 1 });
  await eventually(() => heard("tick"), (all) => all.length === 1);
  await node.stop();
  assert.equal((await heard("wirebell.reconnect"))[0].reason, "drain");
  assert.equal((await heard("wirebell.close"))[0].code, 1012);
  const again = await Gateway.start({}, node.clients);
  const [, welcome] = await eventually(() => heard("wirebell.welcome"), (all) => all.length === 2, 15_000);
  // The bus of a node in development is gone with it, and the page is told so.
  assert.equal(welcome.recovered, false);
  assert.equal((await heard("wirebell.gap"))[0].channel, "user:page");
  assert.equal(await state(), OPEN);
  await tab.close();
  await again.stop();
});

test("a page gives up where its token is refused", async () => {
  const tab = await page();
  const { state } = await listening(tab, "/events?access_token=abc");
  await eventually(state, (now) => now === CLOSED);
  await tab.close();
});

test("a page of another origin gets a stream by its cookie if it is listed, and none if not", async () => {
  const own = on.gateway.page().slice(0, -1);
  const listed = await Gateway.start({ "clients.allowed_origins": own, "clients.cookie": "session" });
  const unlisted = await Gateway.start({ "clients.allowed_origins": "https://shop.example", "clients.cookie": "session" });
  const tab = await page();
  // Cookies are for a host, whatever its port.
  await tab.context().addCookies([{ name: "session", value: token("page"), domain: "127.0.0.1", path: "/" }]);
  const allowed = await listening(tab, `${listed.page()}events`, { withCredentials: true });
  await eventually(() => allowed.heard("wirebell.welcome"), ([welcome]) => welcome?.user === "page");
  const { connection } = (await allowed.heard("wirebell.welcome"))[0];
  const status = await tab.evaluate(async ([url, body]) => (await fetch(url, { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body })).status,
    [`${listed.page()}events/${connection}`, '{"type":"wirebell.ping","ref":"1"}']);
  assert.equal(status, 202);
  const refused = await listening(tab, `${unlisted.page()}events`, { withCredentials: true });
  await eventually(refused.state, (now) => now === CLOSED);
  await tab.close();
  await Promise.all([listed.stop(), unlisted.stop()]);
});
