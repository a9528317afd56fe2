// Event data is shown as text, raw frames are shown as received, and no token is ever shown.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { card, event, events, open } from "./browser.mjs";
import { setUp } from "./setup.mjs";

const env = setUp();

const MARKUP = `<img src=x onerror="window.broken=1"><script>window.broken=1</script>`;
const DATA = `{ "note":${JSON.stringify(MARKUP)}, "deep":{"a":[1,[2,{"b":null}]]},"big":12345678901234567890, "words":"žluťoučký 馬 🐎 \\u2028" }`;

test("markup and unusual data are shown as text and not run", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=odd"));
  const answer = await env.gateway.publish(`{"to":"user:odd","type":"<b>odd</b>","data":${DATA}}`);
  assert.equal(answer.status, 202);
  const row = events(tab).first();
  await row.waitFor();
  assert.equal(await row.getByTestId("words").textContent(), "<b>odd</b>");
  const shown = JSON.parse(await row.getByTestId("data").textContent());
  assert.deepEqual(shown, JSON.parse(DATA));
  assert.equal(await tab.locator(".card :is(img, script, b[onclick])").count(), 0);
  assert.equal(await tab.evaluate(() => window.broken), undefined);

  await card(tab).locator("summary").click();
  const frame = card(tab).getByTestId("frame").and(tab.locator("[data-direction=in]")).first();
  const text = await frame.getByTestId("frame-text").textContent();
  assert.equal(text, tab.received.at(-1));
  assert.ok(text.includes(DATA), text);
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("data of any shape is shown", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=shapes"));
  const shapes = [null, true, 0, "", [], {}, { status: 7 }, { status: "<i>paid</i>", amount: {} }];
  for (const data of shapes) await env.gateway.publish({ to: "user:shapes", type: "payment-status", data });
  await event(tab, "'<i>paid</i>'").waitFor();
  assert.equal(await events(tab).count(), shapes.length);
  assert.deepEqual(tab.consoleErrors, []);
  await tab.close();
});

test("every frame is shown as received, and no token is shown", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=raw"));
  const sent = [];
  tab.on("request", (request) => sent.push(request.url()));
  await card(tab).getByTestId("renew").click();
  await env.gateway.publish({ to: "user:raw", type: "payment-status", data: { status: "paid" } });
  await event(tab, "paid").waitFor();
  await card(tab).getByTestId("token").getByText("renewed once").waitFor();

  const log = card(tab).locator("[data-testid=frame][data-direction=in] [data-testid=frame-text]");
  assert.deepEqual((await log.allTextContents()).reverse(), tab.received);
  const out = await card(tab).locator("[data-testid=frame][data-direction=out]").allTextContents();
  assert.ok(out.some((text) => text.includes('"type":"wirebell.auth","token":"(not shown)"')), out.join("\n"));
  assert.ok(sent.includes(env.gateway.page("dev/token")), "no token was requested, so none could have been shown");
  assert.equal(/eyJ[\w-]+\.[\w-]+/.test(await tab.content()), false);
  await tab.close();
});

test("the page's own routes send strict headers and reject invalid requests", async () => {
  const index = await fetch(env.gateway.page());
  assert.equal(index.headers.get("cache-control"), "no-store");
  assert.match(index.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(index.headers.get("content-security-policy"), /unsafe/);
  assert.ok((await index.text()).includes(`content="${env.gateway.services}"`));

  const post = (path, type, body) => fetch(env.gateway.page(path), { method: "POST", headers: { "content-type": type }, body });
  for (const [path, type, body, status, code] of [
    ["dev/token", "text/plain", '{"user":"42"}', 415, "bad_request"],
    ["dev/token", "application/json", "{", 400, "bad_request"],
    ["dev/token", "application/json", '{"user":""}', 422, "bad_request"],
    ["dev/token", "application/json", '{"user":"42","lifetime":0}', 422, "bad_request"],
    ["dev/pay", "application/json", '{"user":"42","amount":"-1.00"}', 422, "bad_request"],
  ]) {
    const response = await post(path, type, body);
    assert.equal(response.status, status, `${path} ${body}`);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal((await response.json()).code, code);
  }
  assert.equal((await fetch(env.gateway.page("dev/none.js"))).status, 404);
});

test("the number of concurrent payments is limited", async () => {
  const pay = () => fetch(env.gateway.page("dev/pay"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"user":"crowd","amount":"1.00"}',
  });
  const answers = await Promise.all(Array.from({ length: 60 }, pay));
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  assert.deepEqual([count(202), count(429)], [32, 28]);
});
