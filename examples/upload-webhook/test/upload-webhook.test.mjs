// What a third party finds out later reaches every tab and every device of its user; a device that is signed out hears no more.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";

import { PHONE } from "../../../tests/e2e/browser.mjs";
import { eventually, killNode, pause, stage, startAnew } from "../../harness/stage.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { parts } from "../parts.mjs";

const TAKES = 1_500;
const DATA = mkdtempSync(join(tmpdir(), "upload-webhook-"));
after(() => rmSync(DATA, { recursive: true }));
const on = stage(parts, { options: { env: { TAKES: String(TAKES), AGAIN_AFTER: "500", DATA } } });

const TEXT = "one two three\nfour five\n";
const SHA = createHash("sha256").update(TEXT).digest("hex");

const live = (tab) => tab.getByTestId("line").and(tab.locator("[data-line=live]")).waitFor({ timeout: 15_000 });
const files = (tab, state) => tab.locator(`[data-testid=file][data-state=${state}]`);
const devices = (tab) => tab.getByTestId("device").allTextContents();

async function signedIn(user, kind = "Laptop", options = {}) {
  const tab = await openTab(await browserOf(on.browser, options), on.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("device-kind").selectOption(kind);
  await tab.getByTestId("sign-in").click();
  await live(tab);
  return tab;
}

async function another(tab) {
  const opened = await openTab(tab.context(), on.url);
  await live(opened);
  return opened;
}

async function upload(tab, name) {
  await tab.getByTestId("file-input").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(TEXT) });
  await tab.getByTestId("upload").click();
}

const inspected = (tab, count = 1) => eventually(() => files(tab, "inspected").count(), (found) => found === count, 10_000);

// How a node answers a token: with a close code, or 0 if it lets it in.
const closing = (tab, { url, token }) => tab.evaluate(([url, token]) => new Promise((resolve) => {
  const socket = new WebSocket(url, ["wirebell.v1", `wirebell.bearer.${token}`]);
  socket.onmessage = ({ data }) => { if (data.includes("wirebell.welcome")) { socket.close(); resolve(0); } };
  socket.onclose = ({ code }) => resolve(code);
}), [url, token]);

test("every tab and device of the user is told, with the data, and nobody else", async () => {
  const first = await signedIn("ada");
  const second = await another(first);
  const phone = await signedIn("ada", "Phone", { viewport: PHONE });
  const ben = await signedIn("ben");
  await eventually(() => devices(first), (all) => all.length === 2);
  await upload(first, "notes.txt");
  for (const tab of [first, second, phone]) await files(tab, "inspecting").waitFor();
  const asked = [first, second, phone].map((tab) => tab.requests.length);
  for (const tab of [first, second, phone]) {
    await inspected(tab);
    assert.match(await files(tab, "inspected").textContent(), new RegExp(`notes.txt24 bytes5 words in 3 lines${SHA}`));
  }
  // It was in the event: no page has asked for it.
  assert.deepEqual([first, second, phone].map((tab) => tab.requests.length), asked);
  await upload(second, "more.txt");
  await files(first, "inspecting").waitFor();
  await pictures(first, "upload-webhook");
  await inspected(phone, 2);
  assert.equal(await ben.getByTestId("file").count(), 0);
  await phone.reload();
  await inspected(phone, 2);
  for (const tab of [first, second, phone, ben]) assert.deepEqual(tab.complaints, []);
  for (const tab of [first, phone, ben]) await tab.context().close();
});

test("a webhook that the third party did not sign is refused", async () => {
  const tab = await signedIn("cleo");
  await upload(tab, "mine.txt");
  const file = await files(tab, "inspecting").getAttribute("data-file");
  const forged = { job: file, found: { words: 0, lines: 0, sha256: "forged" } };
  for (const signature of ["", "t=1,v1=00", `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`]) {
    const answer = await fetch(`${on.url}/webhooks/inspections`, { method: "POST", headers: { signature }, body: JSON.stringify(forged) });
    assert.equal(answer.status, 401);
  }
  await inspected(tab);
  assert.match(await files(tab, "inspected").textContent(), new RegExp(SHA));
  await tab.context().close();
});

test("a phone that was offline, and a backend that was down, miss nothing", async () => {
  const tab = await signedIn("dora");
  const phone = await signedIn("dora", "Phone");
  await phone.context().setOffline(true);
  await upload(tab, "first.txt");
  await inspected(tab);
  assert.equal(await files(phone, "inspected").count(), 0);
  await phone.context().setOffline(false);
  await inspected(phone);

  await upload(tab, "second.txt");
  await files(tab, "inspecting").waitFor();
  await on.parts.backend.kill();
  await pause(TAKES + 700);
  assert.equal(await files(phone, "inspected").count(), 1);
  // The third party calls until it is heard.
  await startAnew(on, "backend");
  for (const one of [tab, phone]) await inspected(one, 2);
  for (const one of [tab, phone]) await one.context().close();
});

test("a device that is signed out is removed at once, in all its tabs; the others stay", async () => {
  const laptop = await signedIn("eve");
  const phone = await signedIn("eve", "Phone");
  const phones = [phone, await another(phone)];
  await eventually(() => devices(laptop), (all) => all.length === 2);
  const old = await phone.evaluate(async () => (await fetch("/token")).json());
  assert.equal(await closing(phone, old), 0);

  // From afar, as one does with a phone that was lost.
  await laptop.getByTestId("device").filter({ hasText: "Phone" }).getByRole("button").click();
  for (const tab of phones) await tab.getByText("You were signed out on this device.").waitFor({ timeout: 10_000 });
  await eventually(() => devices(laptop), (all) => all.length === 1 && all[0].startsWith("Laptop (this one)"));
  assert.equal(await phone.evaluate(async () => (await fetch("/files")).status), 401);
  await live(laptop);

  const heard = phones.map((tab) => tab.received.length);
  await upload(laptop, "private.txt");
  await inspected(laptop);
  assert.deepEqual(phones.map((tab) => tab.received.length), heard, `${old.device} hears nothing more`);
  // What it has kept of a token is worth nothing, though that has not expired.
  assert.equal(await eventually(() => closing(phone, old), (code) => code === 4403), 4403);
  await pictures(phone, "upload-webhook-signed-out");

  await laptop.getByTestId("device").getByRole("button").click();
  await laptop.getByTestId("sign-in").waitFor();
  for (const tab of [laptop, phone]) await tab.context().close();
});

// The last one: a node less is left.
test("a node is killed while the third party is at work: the tabs are told elsewhere", async () => {
  const tab = await signedIn("finn");
  const phone = await signedIn("finn", "Phone");
  await upload(tab, "late.txt");
  await files(phone, "inspecting").waitFor();
  assert.ok(on.balancer.held(on.nodes[0].clients) > 0);
  await killNode(on.nodes[0]);
  for (const one of [tab, phone]) await inspected(one);
  for (const one of [tab, phone]) await one.context().close();
});
