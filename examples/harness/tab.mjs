// Browser tabs that record their requests, sockets and console errors.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { strict as assert } from "node:assert";

import { DESKTOP, PHONE } from "../../tests/e2e/browser.mjs";
import { backgroundLightness, horizontalOverflow, lowContrastTexts } from "../../tests/e2e/appearance.mjs";

const PICTURES = fileURLToPath(new URL("../../target/examples/pictures/", import.meta.url));
const PICTURED = new Set(["desk-light", "phone-dark"]);
// A signed-out page gets a 401, which Chromium logs as an error.
const EXPECTED = /status of 401/;

// A separate browser context: only its tabs share cookies and storage.
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

// Takes screenshots on a desktop in light mode and on a phone in dark mode; checks overflow and contrast in all four combinations.
export async function pictures(tab, name) {
  mkdirSync(PICTURES, { recursive: true });
  const grounds = [];
  for (const [size, viewport] of [["desk", DESKTOP], ["phone", PHONE]]) {
    await tab.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await tab.emulateMedia({ colorScheme });
      if (PICTURED.has(`${size}-${colorScheme}`)) await tab.screenshot({ path: `${PICTURES}${name}-${size}-${colorScheme}.png`, fullPage: true });
      assert.equal(await tab.evaluate(horizontalOverflow), 0, `${name} is wider than a ${size}`);
      assert.deepEqual(await tab.evaluate(lowContrastTexts), [], `${name}, ${size}, ${colorScheme}: too faint to read`);
      grounds.push(await tab.evaluate(backgroundLightness));
    }
  }
  assert.ok(grounds[0] > 180 && grounds[1] < 80, `light and dark grounds: ${grounds}`);
  await tab.emulateMedia({ colorScheme: null });
  await tab.setViewportSize(DESKTOP);
}
