// The connection breaks, the token expires, the node restarts: the page shows it and recovers.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { card, event, events, followStates, open } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { eventually, pause, setUp } from "./setup.mjs";

// Without leeway a token expires exactly at `exp`. The warning stays at its default of a minute, which
// is longer than the tokens below live: a client that renews at each warning would renew all the time.
const env = setUp({ "auth.leeway": "0s" });

const paid = (user) => ({ to: `user:${user}`, type: "payment-status", data: { status: "paid", amount: "1.00" } });

test("a cut connection is replaced by a new one, and an event is shown once", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=cut"));
  const states = await followStates(tab);
  const before = await card(tab).getByTestId("connection").textContent();
  await card(tab).getByTestId("cut").click();
  await eventually(() => card(tab).getByTestId("state").textContent(), (text) => /^reconnecting in \d+ s/.test(text));
  await eventually(states, (seen) => seen.length > 1 && seen.at(-1) === "live", 10_000);
  assert.deepEqual(await states(), ["live", "reconnecting", "connecting", "live"]);
  assert.notEqual(await card(tab).getByTestId("connection").textContent(), before);

  assert.equal((await env.gateway.publish(paid("cut"))).status, 202);
  await event(tab, "paid").waitFor();
  await pause(300);
  assert.equal(await events(tab).count(), 1);
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("events published while the connection is cut are shown after it is back, once and in order", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=away"));
  assert.equal((await env.gateway.publish({ ...paid("away"), type: "first" })).status, 202);
  await eventually(() => events(tab).count(), (count) => count === 1);
  await card(tab).getByTestId("cut").click();
  await eventually(() => card(tab).getByTestId("state").textContent(), (text) => /^reconnecting in \d+ s/.test(text));
  for (const type of ["second", "third"]) {
    assert.equal((await env.gateway.publish({ ...paid("away"), type })).status, 202);
  }
  await eventually(() => events(tab).count(), (count) => count === 3, 10_000);
  await pause(300);
  const shown = await events(tab).allTextContents();
  assert.equal(shown.length, 3);
  // The newest event is first.
  ["third", "second", "first"].forEach((type, index) => assert.ok(shown[index].includes(type), shown[index]));
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("a short token is renewed on the open connection, for the same user", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=brief&lifetime=4"));
  const states = await followStates(tab);
  // The node's warning, at half of the token's lifetime, arrives while a new token is still being fetched.
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

  await env.gateway.publish(paid("brief"));
  await event(tab, "paid").waitFor();
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("a token that is not renewed ends the connection, so the renewal above is needed", async () => {
  const tab = await open(env.browser, env.gateway.page());
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

test("the 20 s switch fetches a shorter token at once", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=switch"));
  assert.match(await card(tab).getByTestId("token").textContent(), /valid for (59 min|1 h)/);
  await card(tab).getByTestId("short").click();
  await eventually(() => card(tab).getByTestId("token").textContent(), (text) => /^valid for (20|1\d) s, renewed once$/.test(text));
  assert.equal(await card(tab).getByTestId("short").getAttribute("aria-pressed"), "true");
  await tab.close();
});

test("a page reconnects to the next node after a restart", async () => {
  const drain = { "drain.notice": "1s", "drain.window": "1s", "drain.deadline": "4s" };
  const old = await Gateway.start(drain);
  const tab = await open(env.browser, old.page("?user=moved"));
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
