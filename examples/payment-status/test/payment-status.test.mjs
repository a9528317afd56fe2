// The result of a payment reaches the tab that paid, over the connection that the tab has by then.
import { test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, testApp } from "../../harness/test-app.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { programs } from "../programs.mjs";

const TAKES = 2;
// Socket.IO's polling needs sticky sessions: all requests of a client go to one node.
const app = testApp(programs, { stays: true, options: { env: { PAYMENT_TAKES: String(TAKES) } } });

const live = (tab) => tab.getByTestId("connection").and(tab.locator("[data-connection=live]")).waitFor({ timeout: 15_000 });
const socketId = (tab) => tab.getByTestId("socket-id").textContent();
const statuses = (tab) => tab.getByTestId("payment").evaluateAll((rows) => rows.map((row) => row.dataset.status));
const becomes = (tab, ...wanted) => eventually(() => statuses(tab), (found) => found.join() === wanted.join(), 10_000);

async function signedIn(user, context) {
  const tab = await openTab(context ?? (await browserOf(app.browser)), app.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  await live(tab);
  return tab;
}

async function another(tab) {
  const opened = await openTab(tab.context(), app.url);
  await live(opened);
  return opened;
}

async function pay(tab, amount = "49.90") {
  await tab.getByTestId("amount").fill(amount);
  await tab.getByTestId("pay").click();
}

test("only the tab that paid receives the result, and the response does not wait for it", async () => {
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
  assert.ok(Date.now() - began >= TAKES * 1000, "the result came before the payment was done");
  await pay(tab, "20.13");
  await becomes(tab, "declined", "paid");
  await pictures(tab, "payment-status");
  for (const one of [other, ben]) assert.deepEqual(await statuses(one), []);
  for (const one of [tab, other, ben]) assert.deepEqual(one.complaints, []);
  for (const one of [tab, ben]) await one.context().close();
});

test("a reloaded tab, and one that was offline, receive the result over the new connection", async () => {
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

test("without WebSockets the client uses polling", async () => {
  const context = await browserOf(app.browser);
  await context.addInitScript(() => { delete window.WebSocket; });
  const tab = await signedIn("dora", context);
  await pay(tab);
  await becomes(tab, "paid");
  assert.deepEqual(tab.sockets, []);
  await context.close();
});

test("an invalid token is rejected, and the page shows why", async () => {
  const tab = await openTab(await browserOf(app.browser), app.url);
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

// This test is the last one, because it kills a node.
test("after a node is killed during a payment, the tab receives the result over its next connection", async () => {
  const tab = await signedIn("finn");
  await pay(tab);
  await becomes(tab, "processing");
  assert.ok(app.balancer.held(app.nodes[0].clients) > 0);
  await killNode(app.nodes[0]);
  await becomes(tab, "paid");
  await live(tab);
  assert.ok(app.balancer.held(app.nodes[1].clients) > 0);
  await tab.context().close();
});
