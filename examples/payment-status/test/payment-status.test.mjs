// A payment's answer comes back to the tab that paid, ten seconds later and over whatever connection it has by then.
import { test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, stage } from "../../harness/stage.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { parts } from "../parts.mjs";

const TAKES = 2;
// Socket.IO's polling wants its requests at one node, as behind any balancer that keeps a client where it is.
const on = stage(parts, { stays: true, options: { env: { PAYMENT_TAKES: String(TAKES) } } });

const live = (tab) => tab.getByTestId("line").and(tab.locator("[data-line=live]")).waitFor({ timeout: 15_000 });
const socketId = (tab) => tab.getByTestId("socket-id").textContent();
const statuses = (tab) => tab.getByTestId("payment").evaluateAll((rows) => rows.map((row) => row.dataset.status));
const becomes = (tab, ...wanted) => eventually(() => statuses(tab), (found) => found.join() === wanted.join(), 10_000);

async function signedIn(user, context) {
  const tab = await openTab(context ?? (await browserOf(on.browser)), on.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  await live(tab);
  return tab;
}

async function another(tab) {
  const opened = await openTab(tab.context(), on.url);
  await live(opened);
  return opened;
}

async function pay(tab, amount = "49.90") {
  await tab.getByTestId("amount").fill(amount);
  await tab.getByTestId("pay").click();
}

test("the tab that paid is answered at once, and told later; no other tab is", async () => {
  const tab = await signedIn("ada");
  const other = await another(tab);
  const ben = await signedIn("ben");
  assert.notEqual(await socketId(tab), await socketId(other));

  const asked = tab.waitForRequest((request) => request.url().endsWith("/payments"));
  const began = Date.now();
  await pay(tab);
  assert.equal((await asked).postDataJSON().socketId, await socketId(tab));
  await becomes(tab, "processing");
  assert.ok(Date.now() - began < TAKES * 1000, "the answer does not wait for the payment");
  await becomes(tab, "paid");
  assert.ok(Date.now() - began >= TAKES * 1000, "not before it was done");
  await pay(tab, "20.13");
  await becomes(tab, "declined", "paid");
  await pictures(tab, "payment-status");
  for (const one of [other, ben]) assert.deepEqual(await statuses(one), []);
  for (const one of [tab, other, ben]) assert.deepEqual(one.complaints, []);
  for (const one of [tab, ben]) await one.context().close();
});

test("a tab that is reloaded, or was offline, is told over its new connection", async () => {
  const tab = await signedIn("cleo");
  const before = await socketId(tab);
  await pay(tab);
  await becomes(tab, "processing");
  await tab.reload();
  await live(tab);
  assert.notEqual(await socketId(tab), before);
  await becomes(tab, "paid");

  await pay(tab);
  await becomes(tab, "processing", "paid");
  await tab.context().setOffline(true);
  await pause(TAKES * 1000 + 500);
  await tab.context().setOffline(false);
  await becomes(tab, "paid", "paid");
  await tab.context().close();
});

test("where WebSockets do not get through, polling does", async () => {
  const context = await browserOf(on.browser);
  await context.addInitScript(() => { delete window.WebSocket; });
  const tab = await signedIn("dora", context);
  await pay(tab);
  await becomes(tab, "paid");
  assert.deepEqual(tab.sockets, []);
  await context.close();
});

test("a token that is not good is refused, and the page says why", async () => {
  const tab = await openTab(await browserOf(on.browser), on.url);
  const forge = async (route) => {
    const answer = await route.fetch();
    const mine = answer.ok() ? { ...(await answer.json()), token: "e30.e30.e30" } : await answer.json();
    await route.fulfill({ response: answer, json: mine });
  };
  await tab.route("**/token", forge);
  await tab.getByTestId("name").fill("eve");
  await tab.getByTestId("sign-in").click();
  await tab.getByTestId("problem").waitFor();
  assert.match(await tab.getByTestId("problem").textContent(), /token/);
  assert.equal(await tab.getByTestId("pay").isDisabled(), true);
  await tab.context().close();
});

// The last one: a node less is left.
test("a node is killed while a payment is under way: the tab is told over the next one", async () => {
  const tab = await signedIn("finn");
  await pay(tab);
  await becomes(tab, "processing");
  assert.ok(on.balancer.held(on.nodes[0].clients) > 0);
  await killNode(on.nodes[0]);
  await becomes(tab, "paid");
  await live(tab);
  assert.ok(on.balancer.held(on.nodes[1].clients) > 0);
  await tab.context().close();
});
