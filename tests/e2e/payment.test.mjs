// Payment events reach every tab of their user, and no other user.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { event, events, open, openTab, screenshot } from "./browser.mjs";
import { pause, setUp } from "./setup.mjs";

const env = setUp();

async function pay(tab, user, amount = "49.90") {
  await tab.getByTestId(`user-${user}`).check({ force: true });
  await tab.getByTestId("amount").fill(amount);
  await tab.getByTestId("pay").click();
}

const statuses = (tab) => events(tab).evaluateAll((rows) => rows.map((row) => row.dataset.status));

test("both tabs of user 42 get the events, user 43 gets none", async () => {
  const first = await open(env.browser, env.gateway.page());
  const second = await openTab(first.context(), env.gateway.page("?user=42"));
  const other = await openTab(first.context(), env.gateway.page("?user=43"));

  await pay(first, "42");
  for (const tab of [first, second]) {
    await event(tab, "paid").waitFor();
    assert.deepEqual(await statuses(tab), ["paid", "authorising", "received"]);
    const shown = await event(tab, "paid").getByTestId("took").textContent();
    assert.match(shown, /^(<1|\d+) ms$/);
    assert.ok((parseInt(shown.replace("<", "")) || 0) < 1000, shown);
  }
  await screenshot(first, "payment-light");

  // User 43 gets nothing of 42's payment. Its own payment then shows that it can receive events.
  await pause(1500);
  assert.equal(await events(other).count(), 0);
  await pay(other, "43");
  await event(other, "paid").waitFor();
  assert.deepEqual(await statuses(other), ["paid", "authorising", "received"]);
  await pause(500);
  for (const tab of [first, second]) assert.equal(await events(tab).count(), 3);
  for (const tab of [first, second, other]) assert.deepEqual(tab.consoleErrors, []);
  await first.context().close();
});

test("the backend shows the publish results of the events that the devices got", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=shown"));
  await tab.getByTestId("pay").click();
  await event(tab, "paid").waitFor();
  const payment = tab.getByTestId("payment").first();
  await payment.locator("[data-status=paid]").waitFor();
  const steps = await payment.getByTestId("step").evaluateAll((rows) => rows.map((row) => row.dataset.status));
  assert.deepEqual(steps, ["answered", "received", "authorising", "paid"]);

  const name = await payment.getAttribute("data-payment");
  const results = await payment.getByTestId("result").allTextContents();
  const got = tab.received.map((text) => JSON.parse(text)).filter(({ type }) => type === "payment-status");
  assert.equal(got.length, 3);
  got.forEach((frame, nth) => {
    assert.equal(frame.data.payment, name);
    assert.ok(results[nth].includes(frame.id), `${results[nth]} does not name ${frame.id}`);
    assert.ok(results[nth].includes(frame.cursor), `${results[nth]} does not name ${frame.cursor}`);
    assert.match(results[nth], /1 node has subscribers/);
  });
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("a payment is declined for a user without sessions", async () => {
  const tab = await open(env.browser, env.gateway.page());
  await tab.getByTestId("user-other").check({ force: true });
  await tab.getByTestId("other-user").fill("without-sessions");
  await tab.getByTestId("amount").fill("20.13");
  await tab.getByTestId("amount").press("Enter");
  const step = tab.getByTestId("payment").first().locator("[data-status=declined]");
  await step.waitFor();
  assert.match(await step.textContent(), /no node has subscribers/);
  assert.equal(await events(tab).count(), 0);
  await tab.close();
});

test("an invalid amount is explained", async () => {
  const tab = await open(env.browser, env.gateway.page());
  await pay(tab, "42", "much");
  const problem = tab.getByTestId("pay-problem");
  await problem.waitFor();
  assert.match(await problem.textContent(), /49\.90/);
  assert.equal(await tab.getByTestId("payment").count(), 0);
  await pay(tab, "42");
  await tab.getByTestId("payment").waitFor();
  assert.equal(await problem.isVisible(), false);
  await tab.close();
});
