// Shared connections of tabs, in a real browser.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { events, got, browserTests, state, status } from "./support/browser.mjs";
import { Node } from "./support/node.mjs";
import { eventually, pause } from "./support/wait.mjs";

const on = browserTests();
let node;
before(async () => { node = await Node.start(); });
after(() => node.stop());

const count = (n) => Array.from({ length: n }, (_, nth) => nth);

async function tabs(user, many, more = {}) {
  const context = await on.browser.newContext();
  const pages = [];
  for (let nth = 0; nth < many; nth += 1) pages.push(await on.open(context, { entry: "tabs", node: node.url, user, ...more }));
  return { context, pages };
}

// The tests mostly wait, and each has its own user.
describe("tabs", { concurrency: 3 }, () => {
  test("two tabs have one connection, and each gets each event once", async () => {
    const { context, pages } = await tabs("shared", 2);
    const sessions = await node.sessions("shared");
    assert.equal(sessions.length, 1);
    for (const nth of count(20)) await node.publish("user:shared", "n", nth);
    for (const page of pages) await got(page, 20);
    await pause(200);
    for (const page of pages) {
      assert.deepEqual(await events(page), count(20));
      const { connection, user } = await status(page);
      assert.deepEqual([connection, user], [sessions[0].connection, "shared"]);
    }
    await context.close();
  });

  test("an event is acknowledged once one tab has handled it", async () => {
    const { context, pages: [leader] } = await tabs("handled", 1, { deaf: "" });
    const follower = await on.open(context, { entry: "tabs", node: node.url, user: "handled", deaf: "" });
    const { id } = await node.publish("user:handled", "tracked", 1, { receipt: true });
    assert.equal((await node.receipt(id, 1)).state, "accepted", "no tab has a handler");
    await follower.evaluate(() => { wb.on("tracked", (data) => { seen.events.push(data); }); });
    const second = await node.publish("user:handled", "tracked", 2, { receipt: true });
    assert.equal((await node.receipt(second.id)).state, "acknowledged");
    assert.deepEqual([await events(leader), await events(follower)], [[], [2]]);
    await context.close();
  });

  for (const [how, end] of [
    ["is closed", (page) => page.close()],
    ["crashes", async (page) => { const session = await page.context().newCDPSession(page); session.send("Page.crash").catch(() => {}); await pause(200); }],
  ]) {
    test(`when the leader ${how}, another tab takes over, and nothing is lost or repeated`, async () => {
      const user = `leader-${how.replace(" ", "-")}`;
      const { context, pages: [leader, second, third] } = await tabs(user, 3);
      const { connection } = await status(second);
      await node.publish(`user:${user}`, "n", 0);
      for (const page of [second, third]) await got(page, 1);
      await end(leader);
      for (const nth of [1, 2, 3]) await node.publish(`user:${user}`, "n", nth);
      for (const page of [second, third]) {
        await eventually(() => status(page), (now) => now.state === "online" && now.connection !== connection);
        await got(page, 4);
      }
      await node.publish(`user:${user}`, "n", 4);
      for (const page of [second, third]) {
        await got(page, 5);
        assert.deepEqual(await events(page), count(5));
        assert.deepEqual(await page.evaluate(() => [seen.gaps, seen.errors]), [[], []]);
      }
      await eventually(() => node.sessions(user), ({ length }) => length === 1);
      await context.close();
    });
  }

  test("a hanging leader is replaced when another tab becomes visible, and follows after that", async () => {
    const { context, pages: [leader, follower] } = await tabs("hung", 2);
    const { connection } = await status(follower);
    const hung = leader.evaluate(() => { for (const end = Date.now() + 7_000; Date.now() < end; ); });
    await pause(100);
    await follower.evaluate(() => { document.dispatchEvent(new Event("visibilitychange")); });
    await eventually(() => status(follower), (now) => now.state === "online" && now.connection !== connection, 6_500);
    await node.publish("user:hung", "n", 1);
    await got(follower, 1);
    await hung;
    await got(leader, 1);
    await eventually(() => node.sessions("hung"), ({ length }) => length === 1);
    await node.publish("user:hung", "n", 2);
    for (const page of [leader, follower]) await got(page, 2);
    assert.deepEqual([await events(leader), await events(follower)], [[1, 2], [1, 2]]);
    assert.equal((await status(leader)).connection, (await status(follower)).connection);
    await context.close();
  });

  test("a reloaded tab, leader or not, gets missed events of user and topics; a new tab starts with new events", async () => {
    const { context, pages } = await tabs("reloads", 2, { topics: ["both"] });
    const both = async (nth) => { await node.publish("user:reloads", "n", `own ${nth}`); await node.publish("topic:both", "n", `topic ${nth}`); };
    await pause(200);
    await both(0);
    for (const page of pages) await got(page, 2);
    for (const page of pages) {
      const other = pages.find((one) => one !== page);
      await other.evaluate(() => { seen.events.length = 0; });
      await page.goto("about:blank");
      await both(1);
      await page.goBack();
      await state(page, "online");
      for (const one of pages) await got(one, 2);
      await pause(200);
      for (const one of pages) {
        assert.deepEqual((await events(one)).sort(), ["own 1", "topic 1"]);
        assert.deepEqual(await one.evaluate(() => [seen.gaps, seen.errors]), [[], []]);
      }
    }
    const fresh = await on.open(context, { entry: "tabs", node: node.url, user: "reloads" });
    await both(2);
    await got(fresh, 1);
    await pause(200);
    assert.deepEqual(await events(fresh), ["own 2"], "it has not subscribed to the topic of the other tabs");
    await context.close();
  });

  test("a topic stays subscribed until its last tab is closed, and a later tab gets retained values", async () => {
    await node.publish("topic:prices", "price", 7, { class: "retained", key: "gold" });
    const { context, pages: [first] } = await tabs("topical", 1, { topics: ["prices"] });
    const second = await on.open(context, { entry: "tabs", node: node.url, user: "topical", topics: ["prices"] });
    for (const page of [first, second]) await got(page, 1);
    assert.equal(await second.evaluate(() => wb.retained("gold").data), 7);
    await first.close();
    await state(second, "online");
    await eventually(() => node.sessions("topical"), ({ length }) => length === 1);
    await eventually(async () => (await node.publish("topic:prices", "tick", "still", { class: "volatile" }), await events(second)), (all) => all.includes("still"));
    await context.close();
  });

  test("signing out closes all tabs of the user; another user has another connection", async () => {
    const { context, pages } = await tabs("leaving", 2, { lifetime: "3" });
    const other = await on.open(context, { entry: "tabs", node: node.url, user: "staying" });
    on.site.signedOut.add("leaving");
    for (const page of pages) assert.equal((await state(page, "closed", 6_000)).reason, "no_token");
    assert.equal((await status(other)).state, "online");
    assert.equal(await pages[0].evaluate(() => sessionStorage.length), 0);
    await context.close();
  });

  test("every tab has the status of the connection", async () => {
    const mine = await Node.start();
    const context = await on.browser.newContext();
    const pages = [];
    for (const _ of [1, 2]) pages.push(await on.open(context, { entry: "tabs", node: mine.url, user: "states" }));
    await mine.stop();
    for (const page of pages) await eventually(() => status(page), ({ state }) => state === "waiting" || state === "connecting");
    const next = await Node.start({ clients: mine.clients });
    for (const page of pages) await state(page, "online", 15_000);
    await next.stop();
    await context.close();
  });
});
