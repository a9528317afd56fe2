// Permissions and hibernation reach every open tab at once, without polling and without a new sign-in.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";

import { eventually, killNode, pause, testApp, restart } from "../../harness/test-app.mjs";
import { browserOf, openTab, pictures } from "../../harness/tab.mjs";
import { programs } from "../programs.mjs";

const AFTER = 4; // seconds to the hibernation
const folder = mkdtempSync(join(tmpdir(), "account-status-"));
after(() => rmSync(folder, { recursive: true }));
const app = testApp(programs, { options: { env: { HIBERNATE_AFTER: String(AFTER), ACCOUNTS: join(folder, "accounts.json") } } });

const connection = (tab) => tab.getByTestId("connection");
const live = (tab) => connection(tab).and(tab.locator("[data-connection=live]")).waitFor();
const word = (tab) => tab.getByTestId("word").textContent();
const may = (tab, what) => tab.getByTestId(`do-${what}`).isEnabled();

async function signedIn(user, options) {
  const context = await browserOf(app.browser, options);
  const tab = await openTab(context, app.url);
  await tab.getByTestId("name").fill(user);
  await tab.getByTestId("sign-in").click();
  await live(tab);
  return tab;
}

const another = async (tab, path = "") => {
  const opened = await openTab(tab.context(), `${app.url}${path}`);
  await live(opened);
  return opened;
};

const permit = (admin, user, what, yes) => admin.locator(`[data-user=${user}] input[value=${what}]`).setChecked(yes);

test("an admin's change reaches every tab of the user at once, and no other user", async () => {
  const first = await signedIn("ada");
  const second = await another(first);
  const phone = await signedIn("ada", { viewport: { width: 360, height: 780 } });
  const ben = await signedIn("ben");
  const admin = await another(await signedIn("admin"), "/admin");
  const tabs = [first, second, phone];
  for (const tab of tabs) assert.deepEqual([await may(tab, "read"), await may(tab, "export")], [true, false]);

  const before = tabs.map((tab) => ({ sockets: tab.sockets.length, requests: tab.requests.length }));
  const began = Date.now();
  await permit(admin, "ada", "export", true);
  for (const tab of tabs) await eventually(() => may(tab, "export"), (yes) => yes, 2_000);
  const took = Date.now() - began;
  assert.ok(took < 2_000, `it took ${took} ms, where polling took up to 5 s`);
  await phone.getByTestId("do-export").click();
  await eventually(() => phone.getByTestId("answer").textContent(), (text) => text === "Done: export.");

  await permit(admin, "ada", "read", false);
  for (const tab of tabs) await eventually(() => may(tab, "read"), (yes) => !yes, 2_000);
  await pause(500);
  assert.equal(await may(ben, "export"), false);
  // No tab requested it, signed in again or reconnected.
  tabs.forEach((tab, nth) => {
    assert.equal(tab.sockets.length, before[nth].sockets);
    assert.deepEqual(tab.requests.slice(before[nth].requests), tab === phone ? ["POST /work"] : []);
  });
  await pictures(first, "account-status");
  await pictures(admin, "account-status-admin");
  for (const tab of [...tabs, ben, admin]) assert.deepEqual(tab.complaints, []);
  for (const tab of [first, phone, ben, admin]) await tab.context().close();
});

test("the backend rejects what the page does not offer", async () => {
  const tab = await signedIn("eve");
  const answers = await tab.evaluate(async () => {
    const request = (method, path, body) => fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const made = await request("POST", "/work", { what: "export" });
    const raised = await request("PUT", "/accounts/eve/permissions", { permissions: ["export"] });
    return [made.status, raised.status];
  });
  assert.deepEqual(answers, [403, 403]);
  await tab.context().close();
});

test("an opened or reloaded tab has the latest values at once", async () => {
  const tab = await signedIn("cleo");
  const admin = await another(await signedIn("admin"), "/admin");
  await permit(admin, "cleo", "write", true);
  await eventually(() => may(tab, "write"), (yes) => yes);
  await tab.reload();
  await eventually(() => may(tab, "write"), (yes) => yes);
  const later = await another(tab);
  await eventually(() => may(later, "write"), (yes) => yes);
  // The tab requests only its token from the backend.
  const asked = later.requests.filter((request) => !/\.(css|js)$/.test(request));
  assert.deepEqual(asked, ["GET /", "GET /token"]);
  for (const one of [tab, admin]) await one.context().close();
});

test("an account hibernates in all tabs without activity", async () => {
  const first = await signedIn("dora");
  const second = await another(first);
  assert.equal(await word(first), "active");
  const signed = Date.now();
  // Activity half-way: the scheduled event is cancelled and published again.
  await pause(AFTER * 500);
  await first.getByTestId("do-read").click();
  await pause(Math.max(0, signed + AFTER * 1000 + 800 - Date.now()));
  for (const tab of [first, second]) assert.equal(await word(tab), "active");
  for (const tab of [first, second]) await eventually(() => word(tab), (text) => text === "hibernating", 5_000);
  await second.getByTestId("do-read").click();
  for (const tab of [first, second]) await eventually(() => word(tab), (text) => text === "active", 2_000);
  await first.context().close();
});

test("an account hibernates while the backend is down, and the backend continues afterwards", async () => {
  const tab = await signedIn("finn");
  await app.programs.backend.kill();
  await eventually(() => word(tab), (text) => text === "hibernating", AFTER * 1000 + 3_000);
  await restart(app, "backend");
  await tab.getByTestId("do-read").click();
  await eventually(() => word(tab), (text) => text === "active", 3_000);
  await tab.context().close();
});

test("a tab that was offline shows the changes after it reconnects", async () => {
  const tab = await signedIn("gil");
  const admin = await another(await signedIn("admin"), "/admin");
  await tab.context().setOffline(true);
  await connection(tab).and(tab.locator("[data-connection=away]")).waitFor();
  await permit(admin, "gil", "export", true);
  await pause(500);
  assert.equal(await may(tab, "export"), false);
  await tab.context().setOffline(false);
  await live(tab);
  await eventually(() => may(tab, "export"), (yes) => yes);
  for (const one of [tab, admin]) await one.context().close();
});

// This test is the last one, because it kills a node.
test("after a node is killed, every tab reconnects to another node and receives events there", async () => {
  const tab = await signedIn("hana");
  const tabs = [tab, await another(tab), await another(tab), await another(tab)];
  const admin = await another(await signedIn("admin"), "/admin");
  const [doomed] = app.nodes;
  assert.ok(app.balancer.held(doomed.clients) >= 2, "half of the tabs are there");
  await killNode(doomed);
  await eventually(() => app.balancer.held(app.nodes[1].clients), (held) => held >= 5, 10_000);
  for (const one of [...tabs, admin]) await live(one);
  await permit(admin, "hana", "write", true);
  for (const one of tabs) await eventually(() => may(one, "write"), (yes) => yes, 3_000);
  assert.equal(tabs.reduce((sum, one) => sum + one.requests.filter((request) => request === "POST /sign-in").length, 0), 1);
  for (const one of [tab, admin]) await one.context().close();
});
