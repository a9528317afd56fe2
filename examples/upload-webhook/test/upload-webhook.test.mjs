// The result of a third party reaches every tab and device of the user; a signed-out device receives no more events.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";

import { PHONE } from "../../../tests/e2e/browser.mjs";
import { eventually, killNode, pause, testApp, restart } from "../../harness/test-app.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { programs } from "../programs.mjs";

const TAKES = 1_500;
const DATA = mkdtempSync(join(tmpdir(), "upload-webhook-"));
after(() => rmSync(DATA, { recursive: true }));
const app = testApp(programs, { options: { env: { TAKES: String(TAKES), AGAIN_AFTER: "500", DATA } } });

const TEXT = "one two three\nfour five\n";
const SHA = createHash("sha256").update(TEXT).digest("hex");

const live = (tab) => tab.getByTestId("connection").and(tab.locator("[data-connection=live]")).waitFor({ timeout: 15_000 });
const files = (tab, state) => tab.locator(`[data-testid=file][data-state=${state}]`);
const devices = (tab) => tab.getByTestId("device").allTextContents();

async function signedIn(user, kind = "Laptop", options = {}) {
  const tab = await openTab(await browserOf(app.browser, options), app.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("device-kind").selectOption(kind);
  await tab.getByTestId("sign-in").click();
  await live(tab);
  return tab;
}

async function another(tab) {
  const opened = await openTab(tab.context(), app.url);
  await live(opened);
  return opened;
}

async function upload(tab, name) {
  await tab.getByTestId("file-input").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(TEXT) });
  await tab.getByTestId("upload").click();
}

const inspected = (tab, count = 1) => eventually(() => files(tab, "inspected").count(), (found) => found === count, 10_000);

// Returns the close code with which a node rejects a token, or 0 if it accepts the token.
const closing = (tab, { url, token }) => tab.evaluate(([url, token]) => new Promise((resolve) => {
  const socket = new WebSocket(url, ["wirebell.v1", `wirebell.bearer.${token}`]);
  socket.onmessage = ({ data }) => { if (data.includes("wirebell.welcome")) { socket.close(); resolve(0); } };
  socket.onclose = ({ code }) => resolve(code);
}), [url, token]);

test("every tab and device of the user receives the data, and no other user does", async () => {
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
  // The data was in the event: no page requested it.
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

test("a webhook without a valid signature is rejected", async () => {
  const tab = await signedIn("cleo");
  await upload(tab, "mine.txt");
  const file = await files(tab, "inspecting").getAttribute("data-file");
  const forged = { job: file, found: { words: 0, lines: 0, sha256: "forged" } };
  for (const signature of ["", "t=1,v1=00", `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`]) {
    const answer = await fetch(`${app.url}/webhooks/inspections`, { method: "POST", headers: { signature }, body: JSON.stringify(forged) });
    assert.equal(answer.status, 401);
  }
  await inspected(tab);
  assert.match(await files(tab, "inspected").textContent(), new RegExp(SHA));
  await tab.context().close();
});

test("a phone that was offline and a backend that was down miss nothing", async () => {
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
  await app.programs.backend.kill();
  await pause(TAKES + 700);
  assert.equal(await files(phone, "inspected").count(), 1);
  // The third party repeats the call until it succeeds.
  await restart(app, "backend");
  for (const one of [tab, phone]) await inspected(one, 2);
  for (const one of [tab, phone]) await one.context().close();
});

test("a signed-out device is disconnected at once in all its tabs; other devices stay connected", async () => {
  const laptop = await signedIn("eve");
  const phone = await signedIn("eve", "Phone");
  const phones = [phone, await another(phone)];
  await eventually(() => devices(laptop), (all) => all.length === 2);
  const old = await phone.evaluate(async () => (await fetch("/token")).json());
  assert.equal(await closing(phone, old), 0);

  // Signed out from another device, as a user does with a lost phone.
  await laptop.getByTestId("device").filter({ hasText: "Phone" }).getByRole("button").click();
  for (const tab of phones) await tab.getByText("You were signed out on this device.").waitFor({ timeout: 10_000 });
  await eventually(() => devices(laptop), (all) => all.length === 1 && all[0].startsWith("Laptop (this one)"));
  assert.equal(await phone.evaluate(async () => (await fetch("/files")).status), 401);
  await live(laptop);

  const received = phones.map((tab) => tab.received.length);
  await upload(laptop, "private.txt");
  await inspected(laptop);
  assert.deepEqual(phones.map((tab) => tab.received.length), received, `${old.device} receives no more events`);
  // Its token has not expired, but is revoked.
  assert.equal(await eventually(() => closing(phone, old), (code) => code === 4403), 4403);
  await pictures(phone, "upload-webhook-signed-out");

  await laptop.getByTestId("device").getByRole("button").click();
  await laptop.getByTestId("sign-in").waitFor();
  for (const tab of [laptop, phone]) await tab.context().close();
});

// This test is the last one, because it kills a node.
test("after a node is killed during an inspection, the tabs receive the result on another node", async () => {
  const tab = await signedIn("finn");
  const phone = await signedIn("finn", "Phone");
  await upload(tab, "late.txt");
  await files(phone, "inspecting").waitFor();
  assert.ok(app.balancer.held(app.nodes[0].clients) > 0);
  await killNode(app.nodes[0]);
  for (const one of [tab, phone]) await inspected(one);
  for (const one of [tab, phone]) await one.context().close();
});
