// Tabs as users open them, with what they asked of servers and what they complained about.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { strict as assert } from "node:assert";

import { DESKTOP, PHONE } from "../../tests/e2e/browser.mjs";
import { faint, ground, overflow } from "../../tests/e2e/looks.mjs";

const PICTURES = fileURLToPath(new URL("../../target/examples/pictures/", import.meta.url));
const PICTURED = new Set(["desk-light", "phone-dark"]);
// Whoever is not signed in is told so by a 401, which Chromium takes for an error.
const EXPECTED = /status of 401/;

// A browser of its own: cookies and storage are shared by its tabs only.
export function browserOf(browser, options = {}) {
  return browser.newContext({ viewport: DESKTOP, ...options });
}

export async function openTab(context, url) {
  const tab = await context.newPage();
  Object.assign(tab, { complaints: [], requests: [], sockets: [], received: [], sent: [] });
  tab.on("console", (message) => { if (message.type() === "error" && !EXPECTED.test(message.text())) tab.complaints.push(message.text()); });
  tab.on("pageerror", (error) => tab.complaints.push(error.message));
  tab.on("request", (request) => tab.requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  tab.on("websocket", (socket) => {
    tab.sockets.push(socket);
    socket.on("framereceived", ({ payload }) => tab.received.push(payload));
    socket.on("framesent", ({ payload }) => tab.sent.push(payload));
  });
  await tab.goto(url);
  return tab;
}

// A page as it stands, on a desk in the light and on a phone in the dark; what can be measured of its looks is, on both in both.
export async function pictures(tab, name) {
  mkdirSync(PICTURES, { recursive: true });
  const grounds = [];
  for (const [size, viewport] of [["desk", DESKTOP], ["phone", PHONE]]) {
    await tab.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await tab.emulateMedia({ colorScheme });
      if (PICTURED.has(`${size}-${colorScheme}`)) await tab.screenshot({ path: `${PICTURES}${name}-${size}-${colorScheme}.png`, fullPage: true });
      assert.equal(await tab.evaluate(overflow), 0, `${name} is wider than a ${size}`);
      assert.deepEqual(await tab.evaluate(faint), [], `${name}, ${size}, ${colorScheme}: too faint to read`);
      grounds.push(await tab.evaluate(ground));
    }
  }
  assert.ok(grounds[0] > 180 && grounds[1] < 80, `light and dark grounds: ${grounds}`);
  await tab.emulateMedia({ colorScheme: null });
  await tab.setViewportSize(DESKTOP);
}
