// How the page looks on a phone and a desktop, light and dark, with reduced motion, and by keyboard.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { card, DESKTOP, event, open, PHONE, screenshot } from "./browser.mjs";
import { backgroundLightness, horizontalOverflow, lowContrastTexts } from "./appearance.mjs";
import { eventually, setUp } from "./setup.mjs";

const env = setUp();

// Fills the page with every kind of content.
async function fill(tab, user) {
  const status = (status) => ({ to: `user:${user}`, type: "payment-status", data: { payment: "pay_01KAJ0M7Z5YQ8W3TEXAMPLE000", status, amount: "49.90", currency: "EUR" } });
  await tab.getByTestId("add").click();
  await card(tab, 1).and(tab.locator("[data-state=live]")).waitFor();
  await env.gateway.publish({ to: `user:${user}`, type: "a-rather-long-type-".repeat(6), data: { long: "x".repeat(300), list: [1, 2, 3] } });
  for (const name of ["received", "declined"]) await env.gateway.publish(status(name));
  await tab.getByTestId("amount").fill("much");
  await tab.getByTestId("pay").click();
  await tab.getByTestId("pay-problem").waitFor();
  await tab.getByTestId("amount").fill("49.90");
  await tab.getByTestId("pay").click();
  await event(tab, "paid").waitFor();
  await card(tab, 1).locator("summary").click();
  await card(tab, 0).getByTestId("cut").click();
  await card(tab, 0).and(tab.locator("[data-state=reconnecting]")).waitFor();
}

for (const [device, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${device}, ${colorScheme}: nothing overflows, and every text has enough contrast`, async () => {
      const user = `${device}-${colorScheme}`;
      const tab = await open(env.browser, env.gateway.page(`?user=${user}`), { viewport, colorScheme, deviceScaleFactor: device === "phone" ? 2 : 1 });
      await screenshot(tab, user);
      assert.deepEqual(await tab.evaluate(lowContrastTexts), []);
      await fill(tab, user);
      await screenshot(tab, `${user}-busy`);
      for (const width of device === "phone" ? [320, 360, 430, 768] : [1000, 1360, 1920]) {
        await tab.setViewportSize({ ...viewport, width });
        assert.equal(await tab.evaluate(horizontalOverflow), 0, `${width} px wide`);
      }
      assert.deepEqual(await tab.evaluate(lowContrastTexts), []);
      const lightness = await tab.evaluate(backgroundLightness);
      assert.ok(colorScheme === "dark" ? lightness < 60 : lightness > 200, `a background lightness of ${lightness}`);
      assert.deepEqual(tab.consoleErrors.filter((text) => !text.includes("422")), []);
      await tab.close();
    });
  }
}

test("the chosen theme is remembered", async () => {
  const tab = await open(env.browser, env.gateway.page(), { colorScheme: "light" });
  await tab.getByTestId("theme").click();
  await tab.getByTestId("theme").click();
  assert.equal(await tab.getByTestId("theme").textContent(), "Theme: dark");
  await tab.reload();
  assert.equal(await tab.getByTestId("theme").textContent(), "Theme: dark");
  assert.ok((await tab.evaluate(backgroundLightness)) < 60);
  await tab.close();
});

test("reduced motion stops all animations", async () => {
  for (const [reducedMotion, moves] of [["no-preference", true], ["reduce", false]]) {
    const tab = await open(env.browser, env.gateway.page("?user=still"), { reducedMotion });
    await card(tab).getByTestId("cut").click();
    const running = await tab.evaluate(() => document.getAnimations().length);
    assert.equal(running > 0, moves, `${running} animations with ${reducedMotion}`);
    await tab.close();
  }
});

test("every control works by keyboard, and results are announced to screen readers", async () => {
  const tab = await open(env.browser, env.gateway.page("?user=keys"));
  const reached = [];
  for (let nth = 0; nth < 16; nth += 1) {
    await tab.keyboard.press("Tab");
    reached.push(await tab.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.className));
  }
  for (const wanted of ["skip", "theme", "amount", "pay", "add-user", "add", "cut", "renew", "short", "remove"]) {
    assert.ok(reached.includes(wanted), `${wanted} is not among ${reached}`);
  }
  await tab.getByTestId("pay").focus();
  await tab.keyboard.press("Enter");
  await eventually(() => tab.getByTestId("announce").textContent(), (text) => /^phone of user keys: Received, (<1|\d+) ms$/.test(text));
  await card(tab).getByTestId("remove").focus();
  await tab.keyboard.press("Enter");
  assert.equal(await tab.getByTestId("device").count(), 0);
  await tab.close();
});

test("the code examples name this gateway and the chosen user", async () => {
  const tab = await open(env.browser, env.gateway.page());
  await tab.getByTestId("user-43").check({ force: true });
  const curl = await tab.getByTestId("snippet-curl").textContent();
  assert.ok(curl.includes(`http://${env.gateway.services}/v1/events`) && curl.includes('"to":"user:43"'), curl);
  assert.ok((await tab.getByTestId("snippet-js").textContent()).includes(`ws://${env.gateway.clients}/ws`));
  await tab.close();
});
