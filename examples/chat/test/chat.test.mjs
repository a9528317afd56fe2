// A message is emitted by name, saved by a service that nobody sees, and announced to its room; from the allowed origin only.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, stage, startAnew } from "../../harness/stage.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { parts, settings } from "../parts.mjs";

const folder = mkdtempSync(join(tmpdir(), "chat-"));
after(() => rmSync(folder, { recursive: true }));
const MESSAGES = join(folder, "messages.jsonl");
const on = stage(parts, { settings: { ...settings, "inbox.reply_timeout": "2s" }, options: { env: { MESSAGES } } });

const live = (tab) => tab.getByTestId("line").and(tab.locator("[data-line=live]")).waitFor({ timeout: 15_000 });
const row = (tab, text, state = "saved") => tab.locator(`[data-testid=message][data-state=${state}]`).filter({ hasText: text });
const texts = (tab) => tab.locator("[data-testid=message] .text").allTextContents();
const saved = () => readFileSync(MESSAGES, "utf8").trim().split("\n").map((line) => JSON.parse(line));

async function signedIn(user, url = on.url) {
  const tab = await openTab(await browserOf(on.browser), url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  return tab;
}

async function inside(user, url) {
  const tab = await signedIn(user, url);
  await live(tab);
  return tab;
}

async function say(tab, text) {
  await tab.getByTestId("text").fill(text);
  await tab.getByTestId("send").click();
}

test("what one says is saved, and announced to everybody in the room", async () => {
  const ada = await inside("ada");
  const again = await openTab(ada.context(), on.url);
  await live(again);
  const ben = await inside("ben");
  const kitchen = await inside("cleo", `${on.url}/?room=kitchen`);
  await say(ada, "Is anybody there?");
  for (const tab of [ada, again, ben]) await row(tab, "Is anybody there?").waitFor();
  await say(ben, "<b>I am</b>, since this morning");
  for (const tab of [ada, again, ben]) await row(tab, "<b>I am</b>, since this morning").waitFor();
  for (const tab of [ada, again, ben]) assert.deepEqual(await texts(tab), ["Is anybody there?", "<b>I am</b>, since this morning"]);
  assert.deepEqual(saved().map(({ from, room, text }) => [from, room, text]), [["ada", "lobby", "Is anybody there?"], ["ben", "lobby", "<b>I am</b>, since this morning"]]);
  // In another room there is nothing; that it could have been told is shown by what is said there.
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

test("pages of another origin are refused", async () => {
  const tab = await signedIn("eve", on.parts.elsewhere.url);
  await eventually(() => tab.complaints.join("\n"), (said) => /Unexpected response code: 403/.test(said));
  await pause(2_000);
  assert.notEqual(await tab.getByTestId("line").getAttribute("data-line"), "live");
  assert.deepEqual(tab.received, []);
  // The same program and the same name, from the allowed one.
  const allowed = await inside("eve");
  await tab.context().close();
  await allowed.context().close();
});

test("what the token does not name is refused, and so is what is too long", async () => {
  const tab = await inside("finn");
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

test("the service is down: the message waits, and is saved once when it is back", async () => {
  const [gil, hana] = [await inside("gil"), await inside("hana")];
  await on.parts.keeper.kill();
  await say(gil, "Does anybody save this?");
  await row(gil, "Does anybody save this?", "unsaved").waitFor({ timeout: 8_000 });
  await gil.getByRole("button", { name: "Send again" }).click();
  await startAnew(on, "keeper");
  for (const tab of [gil, hana]) await row(tab, "Does anybody save this?").waitFor({ timeout: 15_000 });
  await pause(500);
  assert.equal(saved().filter(({ text }) => text === "Does anybody save this?").length, 1);
  assert.equal((await texts(hana)).filter((text) => text === "Does anybody save this?").length, 1);
  for (const tab of [gil, hana]) await tab.context().close();
});

test("what is said while a tab is offline is there when it is back; what it says itself waits", async () => {
  const [ida, jon] = [await inside("ida"), await inside("jon")];
  await ida.context().setOffline(true);
  await ida.getByTestId("line").and(ida.locator("[data-line=away]")).waitFor();
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

// The last one: a node less is left.
test("a node is killed: everybody goes on at another one", async () => {
  const tabs = await Promise.all(["kim", "lea"].map((user) => inside(user)));
  assert.ok(on.balancer.held(on.nodes[0].clients) > 0);
  await killNode(on.nodes[0]);
  await say(tabs[0], "Still here?");
  for (const tab of tabs) await row(tab, "Still here?").waitFor({ timeout: 15_000 });
  await say(tabs[1], "Still here.");
  for (const tab of tabs) await row(tab, "Still here.").waitFor();
  assert.equal(saved().filter(({ text }) => text === "Still here?").length, 1);
  for (const tab of tabs) await tab.context().close();
});
