// Whatever an event carries stays text, the raw frames stay as they were on the wire, and no token is ever shown.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { card, event, events, open } from "./browser.mjs";
import { stage } from "./stage.mjs";

const on = stage();

const MARKUP = `<img src=x onerror="window.broken=1"><script>window.broken=1</script>`;
const DATA = `{ "note":${JSON.stringify(MARKUP)}, "deep":{"a":[1,[2,{"b":null}]]},"big":12345678901234567890, "words":"žluťoučký 馬 🐎 \\u2028" }`;

test("markup and odd data are shown, not run", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=odd"));
  const answer = await on.gateway.publish(`{"to":"user:odd","type":"<b>odd</b>","data":${DATA}}`);
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
  assert.deepEqual(tab.complaints, []);
  await tab.close();
});

test("data of any shape is shown", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=shapes"));
  const shapes = [null, true, 0, "", [], {}, { status: 7 }, { status: "<i>paid</i>", amount: {} }];
  for (const data of shapes) await on.gateway.publish({ to: "user:shapes", type: "payment-status", data });
  await event(tab, "'<i>paid</i>'").waitFor();
  assert.equal(await events(tab).count(), shapes.length);
  assert.deepEqual(tab.complaints, []);
  await tab.close();
});

test("every frame is kept as it came, and the token is nowhere", async () => {
  const tab = await open(on.browser, on.gateway.page("?user=raw"));
  const sent = [];
  tab.on("request", (request) => sent.push(request.url()));
  await card(tab).getByTestId("renew").click();
  await on.gateway.publish({ to: "user:raw", type: "payment-status", data: { status: "paid" } });
  await event(tab, "paid").waitFor();
  await card(tab).getByTestId("token").getByText("renewed once").waitFor();

  const log = card(tab).locator("[data-testid=frame][data-direction=in] [data-testid=frame-text]");
  assert.deepEqual((await log.allTextContents()).reverse(), tab.received);
  const out = await card(tab).locator("[data-testid=frame][data-direction=out]").allTextContents();
  assert.ok(out.some((text) => text.includes('"type":"wirebell.auth","token":"(not shown)"')), out.join("\n"));
  assert.ok(sent.includes(on.gateway.page("dev/token")), "a token was asked for, and could have been shown");
  assert.equal(/eyJ[\w-]+\.[\w-]+/.test(await tab.content()), false);
  await tab.close();
});

test("the answers of the page's own routes are strict", async () => {
  const index = await fetch(on.gateway.page());
  assert.equal(index.headers.get("cache-control"), "no-store");
  assert.match(index.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(index.headers.get("content-security-policy"), /unsafe/);
  assert.ok((await index.text()).includes(`content="${on.gateway.services}"`));

  const ask = (path, type, body) => fetch(on.gateway.page(path), { method: "POST", headers: { "content-type": type }, body });
  for (const [path, type, body, status, code] of [
    ["dev/token", "text/plain", '{"user":"42"}', 415, "bad_request"],
    ["dev/token", "application/json", "{", 400, "bad_request"],
    ["dev/token", "application/json", '{"user":""}', 422, "bad_request"],
    ["dev/token", "application/json", '{"user":"42","lifetime":0}', 422, "bad_request"],
    ["dev/pay", "application/json", '{"user":"42","amount":"-1.00"}', 422, "bad_request"],
  ]) {
    const answer = await ask(path, type, body);
    assert.equal(answer.status, status, `${path} ${body}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal((await answer.json()).code, code);
  }
  assert.equal((await fetch(on.gateway.page("dev/none.js"))).status, 404);
});

test("no more payments are worked on at once than there is room for", async () => {
  const pay = () => fetch(on.gateway.page("dev/pay"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"user":"crowd","amount":"1.00"}',
  });
  const answers = await Promise.all(Array.from({ length: 60 }, pay));
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  assert.deepEqual([count(202), count(429)], [32, 28]);
});
