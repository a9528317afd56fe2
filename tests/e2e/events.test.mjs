// Server-Sent Events in a real browser: its EventSource, reconnection, and origin checks.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { token } from "../conformance/token.mjs";
import { Gateway } from "./gateway.mjs";
import { eventually, setUp } from "./setup.mjs";

const env = setUp({});

// Opens a stream in a page and records the received frames.
async function openStream(page, url, options = {}) {
  await page.evaluate(([url, options]) => {
    window.receivedFrames = [];
    window.source = new EventSource(url, options);
    for (const type of ["tick", "wirebell.welcome", "wirebell.gap", "wirebell.reconnect", "wirebell.close"]) {
      source.addEventListener(type, (event) => window.receivedFrames.push({ ...JSON.parse(event.data), lastEventId: event.lastEventId }));
    }
  }, [url, options]);
  return { frames: (type) => page.evaluate((type) => window.receivedFrames.filter((frame) => frame.type === type), type), state: () => page.evaluate(() => window.source.readyState) };
}

// Opens a page of this gateway's origin. It is a 404 page, since the live page's policy allows
// requests to its own origin only.
async function page(at = env.gateway) {
  const tab = await env.browser.newPage();
  await tab.goto(at.page("nothing"));
  return tab;
}

const OPEN = 1, CLOSED = 2;

test("a page receives its user's events, each with its cursor", async () => {
  const tab = await page();
  const { frames } = await openStream(tab, `/events?access_token=${token("page")}`);
  await eventually(() => frames("wirebell.welcome"), (all) => all.length === 1);
  const { cursor } = await env.gateway.publish({ to: "user:page", type: "tick", data: { a: 1 } });
  const [event] = await eventually(() => frames("tick"), (all) => all.length === 1);
  assert.deepEqual([event.data, event.lastEventId], [{ a: 1 }, cursor]);
  await tab.close();
});

test("a page reconnects by itself to the node that replaces a stopped one", async () => {
  const node = await Gateway.start({ "drain.notice": "50ms", "drain.window": "200ms" });
  const tab = await page(node);
  const { frames, state } = await openStream(tab, `/events?access_token=${token("page")}`);
  await eventually(() => frames("wirebell.welcome"), (all) => all.length === 1);
  await node.publish({ to: "user:page", type: "tick", data: 1 });
  await eventually(() => frames("tick"), (all) => all.length === 1);
  await node.stop();
  assert.equal((await frames("wirebell.reconnect"))[0].reason, "drain");
  assert.equal((await frames("wirebell.close"))[0].code, 1012);
  const again = await Gateway.start({}, node.clients);
  const [, welcome] = await eventually(() => frames("wirebell.welcome"), (all) => all.length === 2, 15_000);
  // A development node keeps its bus in memory, so the page gets a gap.
  assert.equal(welcome.recovered, false);
  assert.equal((await frames("wirebell.gap"))[0].channel, "user:page");
  assert.equal(await state(), OPEN);
  await tab.close();
  await again.stop();
});

test("a page does not retry after its token is rejected", async () => {
  const tab = await page();
  const { state } = await openStream(tab, "/events?access_token=abc");
  await eventually(state, (now) => now === CLOSED);
  await tab.close();
});

test("a page of another origin gets a stream by cookie only if its origin is allowed", async () => {
  const own = env.gateway.page().slice(0, -1);
  const listed = await Gateway.start({ "clients.allowed_origins": own, "clients.cookie": "session" });
  const unlisted = await Gateway.start({ "clients.allowed_origins": "https://shop.example", "clients.cookie": "session" });
  const tab = await page();
  // Cookies belong to a host, independent of the port.
  await tab.context().addCookies([{ name: "session", value: token("page"), domain: "127.0.0.1", path: "/" }]);
  const allowed = await openStream(tab, `${listed.page()}events`, { withCredentials: true });
  await eventually(() => allowed.frames("wirebell.welcome"), ([welcome]) => welcome?.user === "page");
  const { connection } = (await allowed.frames("wirebell.welcome"))[0];
  const status = await tab.evaluate(async ([url, body]) => (await fetch(url, { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body })).status,
    [`${listed.page()}events/${connection}`, '{"type":"wirebell.ping","ref":"1"}']);
  assert.equal(status, 202);
  const rejected = await openStream(tab, `${unlisted.page()}events`, { withCredentials: true });
  await eventually(rejected.state, (now) => now === CLOSED);
  await tab.close();
  await Promise.all([listed.stop(), unlisted.stop()]);
});
