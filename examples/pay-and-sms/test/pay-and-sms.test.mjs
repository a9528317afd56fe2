// The payment's response waits for nothing, and a text message is sent only if no device has shown the payment in time.
import { test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, testApp, restart } from "../../harness/test-app.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { programs } from "../programs.mjs";

const DEADLINE = 3;
const app = testApp(programs, { options: { env: { SMS_AFTER: String(DEADLINE) } } });

const state = (tab, name) => tab.getByTestId("connection").and(tab.locator(`[data-connection=${name}]`)).waitFor({ timeout: 15_000 });
const shown = (tab) => tab.getByTestId("payment").evaluateAll((rows) => rows.map((row) => row.dataset.payment).reverse());
const texts = async (number) => (await (await fetch(`${app.programs.provider.url}/messages`)).json()).filter(({ to }) => to.endsWith(number));

async function signedIn(user) {
  const tab = await openTab(await browserOf(app.browser), app.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  await state(tab, "live");
  return tab;
}

async function pay(tab, amount) {
  await tab.getByTestId("amount").fill(amount);
  await tab.getByTestId("pay").click();
  await eventually(() => tab.getByTestId("answer").textContent(), (text) => /^Answered in \d+ ms\.$/.test(text));
}

// Sends payments one after the other, and returns their ids and sorted response times in milliseconds.
async function payments(tab, count) {
  const [cookie] = await tab.context().cookies();
  const paid = { took: [], ids: [] };
  for (let nth = 0; nth < count; nth++) {
    const began = performance.now();
    const response = await fetch(`${app.url}/payments`, {
      method: "POST",
      headers: { "content-type": "application/json", cookie: `session=${cookie.value}` },
      body: JSON.stringify({ amount: `${nth + 1}.00` }),
    });
    assert.equal(response.status, 201);
    paid.ids.push((await response.json()).payment);
    paid.took.push(performance.now() - began);
  }
  paid.took.sort((one, other) => one - other);
  return paid;
}

const median = ({ took }) => took[Math.floor(took.length / 2)];

test("when a device shows the payment, every tab receives it and no text message is sent", async () => {
  const tab = await signedIn("ada");
  const other = await openTab(tab.context(), app.url);
  await state(other, "live");
  await pay(tab, "49.90");
  for (const one of [tab, other]) await eventually(() => shown(one), (ids) => ids.length === 1);
  await pause(DEADLINE * 1000 + 1_500);
  assert.deepEqual(await texts("042"), []);
  assert.ok(tab.sent.some((frame) => frame.includes("wirebell.ack")), "it was acknowledged");
  await pictures(tab, "pay-and-sms");
  assert.deepEqual(tab.complaints, []);
  await tab.context().close();
});

test("without a connected device, one text message is sent after the deadline, and the payment is shown later", async () => {
  const tab = await signedIn("ben");
  await tab.getByTestId("on").uncheck();
  await state(tab, "off");
  const paid = Date.now();
  await pay(tab, "12.00");
  await eventually(() => texts("043"), (all) => all.length > 0, DEADLINE * 1000 + 8_000);
  assert.ok(Date.now() - paid >= DEADLINE * 1000 - 200, "before the deadline");
  await pause(1_000);
  assert.deepEqual((await texts("043")).map(({ text }) => text), ["You paid 12.00 EUR."]);
  await tab.getByTestId("on").check();
  await eventually(() => shown(tab), (ids) => ids.length === 1);
  await tab.goto(app.programs.provider.url);
  await pictures(tab, "pay-and-sms-provider");
  await tab.context().close();
});

test("an offline phone gets the text message, and shows the payment after it reconnects", async () => {
  const tab = await signedIn("cleo");
  await tab.context().setOffline(true);
  await state(tab, "away");
  const { ids } = await payments(tab, 1);
  await eventually(() => texts("044"), (all) => all.length === 1, DEADLINE * 1000 + 8_000);
  await tab.context().setOffline(false);
  await state(tab, "live");
  await eventually(() => shown(tab), (all) => all.length === 1);
  assert.deepEqual(await shown(tab), ids);
  await tab.reload();
  await eventually(() => shown(tab), (all) => all.length === 1);
  await tab.context().close();
});

test("while the SMS service is down, payments are as fast, and the text message is sent when it is back", async () => {
  const tab = await signedIn("dora");
  await payments(tab, 20);
  const before = await payments(tab, 100);
  await Promise.all(["sms", "sms-2"].map((name) => app.programs[name].kill()));
  const during = await payments(tab, 100);
  assert.ok(median(during) < 3 * median(before) + 5, `median ${median(before)} ms, and ${median(during)} ms without the SMS service`);
  await tab.getByTestId("on").uncheck();
  await pay(tab, "13.00");
  await pause(DEADLINE * 1000 + 1_000);
  assert.deepEqual(await texts("045"), []);
  await restart(app, "sms");
  await eventually(() => texts("045"), (all) => all.length === 1, 15_000);
  await tab.context().close();
});

test("while Redis hangs or is down, payments are as fast, and all are delivered afterwards in order", async () => {
  const tab = await signedIn("eve");
  await payments(tab, 20);
  const before = await payments(tab, 100);
  const delivered = [...(await eventually(() => shown(tab), (ids) => ids.length === 120, 10_000))];

  app.redis.signal("STOP");
  const hung = await payments(tab, 100);
  await pause(500);
  // None of these was delivered, so none of the responses waited for Redis.
  assert.deepEqual(await shown(tab), delivered);
  app.redis.signal("CONT");
  delivered.push(...hung.ids);
  await eventually(() => shown(tab), (ids) => ids.length === delivered.length, 15_000);
  assert.deepEqual(await shown(tab), delivered);

  await app.redis.kill();
  const gone = await payments(tab, 100);
  await app.redis.run();
  delivered.push(...gone.ids);
  await eventually(() => shown(tab), (ids) => ids.length === delivered.length, 30_000);
  assert.deepEqual(await shown(tab), delivered);
  const medians = [before, hung, gone].map(median);
  for (const one of medians) assert.ok(one < 3 * medians[0] + 5, `medians with Redis, while it hangs, while it is down: ${medians} ms`);
  await tab.context().close();
});

// This test is the last one, because it kills a node.
test("after a node is killed, the device resumes from its cursor on another node, and receives each event once", async () => {
  const tab = await signedIn("ada");
  const before = await eventually(() => shown(tab), (ids) => ids.length > 0);
  const node = app.nodes.find(({ clients }) => app.balancer.held(clients) > 0);
  await killNode(node);
  const { ids } = await payments(tab, 3);
  await eventually(() => shown(tab), (all) => all.length === before.length + 3, 15_000);
  assert.deepEqual(await shown(tab), [...before, ...ids]);
  await tab.context().close();
});
