// The line breaks, the token ends, the node restarts: the page says so and finds back.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { card, event, events, followStates, open } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { eventually, pause, stage } from "./stage.mjs";

// Without leeway a token that is not renewed ends when it says so. The warning is left at a minute, which is more
// than the tokens below live: a client that renewed at each warning would do nothing else.
const on = stage({ "auth.leeway": "0s" });

const paid = (user) => ({ to: `user:${user}`, type: "payment-status", data: { status: "paid", amount: "1.00" } });

test("a line that is cut is live again, on another connection, and is told once", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=cut"));
  const states = await followStates(tab);
  const before = await card(tab).getByTestId("connection").textContent();
  await card(tab).getByTestId("cut").click();
  await eventually(() => card(tab).getByTestId("state").textContent(), (text) => /^reconnecting in \d+ s/.test(text));
  await eventually(states, (seen) => seen.length > 1 && seen.at(-1) === "live", 10_000);
  assert.deepEqual(await states(), ["live", "reconnecting", "connecting", "live"]);
  assert.notEqual(await card(tab).getByTestId("connection").textContent(), before);

  assert.equal((await on.gateway.publish(paid("cut"))).status, 202);
  await event(tab, "paid").waitFor();
  await pause(300);
  assert.equal(await events(tab).count(), 1);
  assert.deepEqual(tab.complaints, []);
  await tab.close();
});

test("what came while the line was cut comes when it is back, once and in order", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=away"));
  assert.equal((await on.gateway.publish({ ...paid("away"), type: "first" })).status, 202);
  await eventually(() => events(tab).count(), (count) => count === 1);
  await card(tab).getByTestId("cut").click();
  await eventually(() => card(tab).getByTestId("state").textContent(), (text) => /^reconnecting in \d+ s/.test(text));
  for (const type of ["second", "third"]) {
    assert.equal((await on.gateway.publish({ ...paid("away"), type })).status, 202);
  }
  await eventually(() => events(tab).count(), (count) => count === 3, 10_000);
  await pause(300);
  const shown = await events(tab).allTextContents();
  assert.equal(shown.length, 3);
  // The newest stands first.
  ["third", "second", "first"].forEach((type, place) => assert.ok(shown[place].includes(type), shown[place]));
  assert.deepEqual(tab.complaints, []);
  await tab.close();
});

test("a short token is renewed on the live line, and stays its user's", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=brief&lifetime=4"));
  const states = await followStates(tab);
  // The node's notice, at half of the token's life by its own clock, comes while a new token is still on its way.
  await tab.route("**/dev/token", async (route) => { await pause(300); await route.continue(); });
  const before = await card(tab).getByTestId("connection").textContent();
  const users = new Set();
  for (const end = Date.now() + 10_000; Date.now() < end; await pause(100)) {
    users.add(await card(tab).getByTestId("card-user").textContent());
  }
  assert.deepEqual(await states(), ["live"]);
  assert.deepEqual([...users], ["user brief"]);
  assert.equal(await card(tab).getByTestId("connection").textContent(), before);
  const token = await card(tab).getByTestId("token").textContent();
  const renewals = Number(token.match(/renewed (\d+) times/)?.[1]);
  assert.ok(renewals >= 3 && renewals <= 8, token);

  await on.gateway.publish(paid("brief"));
  await event(tab, "paid").waitFor();
  assert.deepEqual(tab.complaints, []);
  await tab.close();
});

test("a token that nobody renews ends the connection, so the renewal above was needed", async () => {
  const tab = await open(on.browser, on.gateway.page());
  const code = await tab.evaluate(async () => {
    const answer = await fetch("/dev/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: "brief", lifetime: 2 }),
    });
    const { token } = await answer.json();
    const socket = new WebSocket(`ws://${location.host}/ws`, ["wirebell.v1", `wirebell.bearer.${token}`]);
    return new Promise((resolve) => {
      socket.onclose = (event) => resolve(event.code);
      setTimeout(() => resolve("still open"), 8_000);
    });
  });
  assert.equal(code, 4401);
  await tab.close();
});

test("the 20 s switch shortens the token at once, and renews it", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=switch"));
  assert.match(await card(tab).getByTestId("token").textContent(), /valid for (59 min|1 h)/);
  await card(tab).getByTestId("short").click();
  await eventually(() => card(tab).getByTestId("token").textContent(), (text) => /^valid for (20|1\d) s, renewed once$/.test(text));
  assert.equal(await card(tab).getByTestId("short").getAttribute("aria-pressed"), "true");
  await tab.close();
});

test("a node that restarts says goodbye, and the page comes back to the next one", async () => {
  const drain = { "drain.notice": "1s", "drain.window": "1s", "drain.deadline": "4s" };
  const old = await Gateway.start(drain);
  const tab = await open(on.browser, old.page("?user=moved"));
  const states = await followStates(tab);
  await old.stop();
  const next = await Gateway.start(drain, old.clients);
  try {
    await eventually(states, (seen) => seen.length > 1 && seen.at(-1) === "live", 20_000);
    assert.ok(tab.received.some((text) => text.includes('"wirebell.reconnect"')), tab.received.join("\n"));
    const notes = await card(tab).getByTestId("frame-text").allTextContents();
    assert.ok(notes.some((text) => text.startsWith("closed with 1012")), notes.join("\n"));
    await next.publish(paid("moved"));
    await event(tab, "paid").waitFor();
  } finally {
    await tab.close();
    await next.stop();
  }
});
