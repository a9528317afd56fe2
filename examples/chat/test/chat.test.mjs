// A message is emitted by name, saved by a service, and published to its room; only from the allowed origin.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, testApp, restart } from "../../harness/test-app.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { programs, settings } from "../programs.mjs";

const folder = mkdtempSync(join(tmpdir(), "chat-"));
after(() => rmSync(folder, { recursive: true }));
const MESSAGES = join(folder, "messages.jsonl");
const app = testApp(programs, { settings: { ...settings, "inbox.reply_timeout": "2s" }, options: { env: { MESSAGES } } });

const live = (tab) => tab.getByTestId("connection").and(tab.locator("[data-connection=live]")).waitFor({ timeout: 15_000 });
const row = (tab, text, state = "saved") => tab.locator(`[data-testid=message][data-state=${state}]`).filter({ hasText: text });
const texts = (tab) => tab.locator("[data-testid=message] .text").allTextContents();
const saved = () => readFileSync(MESSAGES, "utf8").trim().split("\n").map((line) => JSON.parse(line));

async function signedIn(user, url = app.url) {
  const tab = await openTab(await browserOf(app.browser), url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  return tab;
}

async function connected(user, url) {
  const tab = await signedIn(user, url);
  await live(tab);
  return tab;
}

async function say(tab, text) {
  await tab.getByTestId("text").fill(text);
  await tab.getByTestId("send").click();
}

test("a message is saved, and published to all clients in the room", async () => {
  const ada = await connected("ada");
  const again = await openTab(ada.context(), app.url);
  await live(again);
  const ben = await connected("ben");
  const kitchen = await connected("cleo", `${app.url}/?room=kitchen`);
  await say(ada, "Is anybody there?");
  for (const tab of [ada, again, ben]) await row(tab, "Is anybody there?").waitFor();
  await say(ben, "<b>I am</b>, since this morning");
  for (const tab of [ada, again, ben]) await row(tab, "<b>I am</b>, since this morning").waitFor();
  for (const tab of [ada, again, ben]) assert.deepEqual(await texts(tab), ["Is anybody there?", "<b>I am</b>, since this morning"]);
  assert.deepEqual(saved().map(({ from, room, text }) => [from, room, text]), [["ada", "lobby", "Is anybody there?"], ["ben", "lobby", "<b>I am</b>, since this morning"]]);
  // The tab in the other room receives only the message of that room.
  await say(kitchen, "Coffee is ready");
  await row(kitchen, "Coffee is ready").waitFor();
  assert.deepEqual(await texts(kitchen), ["Coffee is ready"]);

  await ada.reload();
  await row(ada, "I am").waitFor();
  assert.deepEqual(await texts(ada), ["Is anybody there?", "<b>I am</b>, since this morning"]);
  await pictures(ada, "chat");
  for (const tab of [ada, again, ben, kitchen]) assert.deepEqual(tab.complaints, []);
  for (const tab of [ada, ben, kitchen]) await tab.context().close();
});

test("pages of another origin are rejected", async () => {
  const tab = await signedIn("eve", app.programs["other-origin"].url);
  await eventually(() => tab.complaints.join("\n"), (said) => /Unexpected response code: 403/.test(said));
  await pause(2_000);
  assert.notEqual(await tab.getByTestId("connection").getAttribute("data-connection"), "live");
  assert.deepEqual(tab.received, []);
  // The same page and user from the allowed origin connect.
  const allowed = await connected("eve");
  await tab.context().close();
  await allowed.context().close();
});

test("types and topics outside the token are rejected, and so are long messages", async () => {
  const tab = await connected("finn");
  const answers = await tab.evaluate(async () => {
    const { url, token } = await (await fetch("/token")).json();
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["wirebell.v1", `wirebell.bearer.${token}`]);
    const asked = [{ type: "delete-room", data: "lobby", ref: "1" }, { type: "wirebell.subscribe", channel: "topic:accounts", ref: "2" }];
    return new Promise((resolve) => {
      const heard = [];
      socket.onopen = () => asked.forEach((frame) => socket.send(JSON.stringify(frame)));
      socket.onmessage = ({ data }) => {
        const { type, code, ref } = JSON.parse(data);
        if (ref) heard.push({ type, code, ref });
        if (heard.length === 2) resolve(heard);
      };
    });
  });
  answers.sort((one, other) => one.ref - other.ref);
  assert.deepEqual(answers, ["1", "2"].map((ref) => ({ type: "wirebell.error", code: "not_allowed", ref })));
  await tab.getByTestId("text").evaluate((input) => input.removeAttribute("maxlength"));
  await say(tab, "x".repeat(501));
  await row(tab, "xxx", "unsaved").waitFor();
  assert.match(await row(tab, "xxx", "unsaved").textContent(), /A text of 1 to 500 letters\./);
  assert.equal(saved().some(({ from }) => from === "finn"), false);
  await tab.context().close();
});

test("while the service is down the message waits, and is saved once when the service is back", async () => {
  const [gil, hana] = [await connected("gil"), await connected("hana")];
  await app.programs.service.kill();
  await say(gil, "Does anybody save this?");
  await row(gil, "Does anybody save this?", "unsaved").waitFor({ timeout: 8_000 });
  await gil.getByRole("button", { name: "Send again" }).click();
  await restart(app, "service");
  for (const tab of [gil, hana]) await row(tab, "Does anybody save this?").waitFor({ timeout: 15_000 });
  await pause(500);
  assert.equal(saved().filter(({ text }) => text === "Does anybody save this?").length, 1);
  assert.equal((await texts(hana)).filter((text) => text === "Does anybody save this?").length, 1);
  for (const tab of [gil, hana]) await tab.context().close();
});

test("an offline tab receives missed messages after it reconnects, and its own message is sent then", async () => {
  const [ida, jon] = [await connected("ida"), await connected("jon")];
  await ida.context().setOffline(true);
  await ida.getByTestId("connection").and(ida.locator("[data-connection=away]")).waitFor();
  await say(jon, "You missed this");
  await row(jon, "You missed this").waitFor();
  await say(ida, "Said in a tunnel");
  await row(ida, "Said in a tunnel", "sending").waitFor();
  await ida.context().setOffline(false);
  for (const tab of [ida, jon]) await row(tab, "Said in a tunnel").waitFor({ timeout: 15_000 });
  await row(ida, "You missed this").waitFor();
  assert.equal((await texts(ida)).filter((text) => text === "You missed this").length, 1);
  for (const tab of [ida, jon]) await tab.context().close();
});

// This test is the last one, because it kills a node.
test("after a node is killed, all clients continue on another node", async () => {
  const tabs = await Promise.all(["kim", "lea"].map((user) => connected(user)));
  assert.ok(app.balancer.held(app.nodes[0].clients) > 0);
  await killNode(app.nodes[0]);
  await say(tabs[0], "Still here?");
  for (const tab of tabs) await row(tab, "Still here?").waitFor({ timeout: 15_000 });
  await say(tabs[1], "Still here.");
  for (const tab of tabs) await row(tab, "Still here.").waitFor();
  assert.equal(saved().filter(({ text }) => text === "Still here?").length, 1);
  for (const tab of tabs) await tab.context().close();
});
