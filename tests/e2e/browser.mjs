// Starts Debian's Chromium and opens tabs that record their console errors and received frames.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const SCREENSHOTS = fileURLToPath(new URL("../../target/e2e/", import.meta.url));
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const DESKTOP = { width: 1360, height: 900 };
export const PHONE = { width: 360, height: 780 };

// Each launch creates its own profile and removes it at the end.
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
}

// Opens a tab in its own browser context and waits until its first device is live.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const tab = await openTab(context, url);
  tab.once("close", () => context.close().catch(() => {}));
  return tab;
}

// Opens another tab in an existing context, as a user does.
export async function openTab(context, url) {
  const tab = await context.newPage();
  tab.consoleErrors = [];
  tab.received = [];
  tab.on("console", (message) => { if (["error", "warning"].includes(message.type())) tab.consoleErrors.push(message.text()); });
  tab.on("pageerror", (error) => tab.consoleErrors.push(error.message));
  tab.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => tab.received.push(payload)));
  await tab.goto(url);
  await card(tab).and(tab.locator("[data-state=live]")).waitFor();
  return tab;
}

export const card = (tab, nth = 0) => tab.getByTestId("device").nth(nth);
export const events = (tab, nth = 0) => card(tab, nth).getByTestId("event");
export const event = (tab, status, nth = 0) => card(tab, nth).locator(`[data-testid=event][data-status=${status}]`);

// Records every state that the card goes through from now on.
export async function followStates(tab) {
  await card(tab).evaluate((element) => {
    window.states = [element.dataset.state];
    new MutationObserver(() => {
      if (window.states.at(-1) !== element.dataset.state) window.states.push(element.dataset.state);
    }).observe(element, { attributeFilter: ["data-state"] });
  });
  return () => tab.evaluate(() => window.states);
}

export async function screenshot(tab, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await tab.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true });
}
