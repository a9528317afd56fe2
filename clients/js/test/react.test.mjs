// The hooks with React 18 and 19: rendered on a server, and in StrictMode in a real browser.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { browserTests } from "./support/browser.mjs";
import { Node } from "./support/node.mjs";
import { FOLDER, HERE } from "./support/package.mjs";
import { eventually, pause } from "./support/wait.mjs";

const on = browserTests();
let node;
let folder;
before(async () => { [node, folder] = [await Node.start(), await mkdtemp(join(tmpdir(), "wirebell-react-"))]; });
after(async () => { await node.stop(); await rm(folder, { recursive: true }); });

// Bundles a program with this React and the installed package.
async function bundle(react, contents, more) {
  const path = (name) => join(HERE, "node_modules", name);
  const alias = { "wirebell/react": join(FOLDER, "dist/react.js"), wirebell: join(FOLDER, "dist/index.js"), react: path(`react${react}`), "react-dom": path(`react-dom${react}`) };
  const { outputFiles } = await build({ stdin: { contents, resolveDir: join(HERE, "test") }, bundle: true, write: false, alias, define: { "process.env.NODE_ENV": '"development"' }, ...more });
  return outputFiles[0].text;
}

const BROWSER = `
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./support/react-app.mjs";
const query = new URLSearchParams(location.search);
const token = async () => (await (await fetch("/token?lifetime=600&user=" + query.get("user"))).json()).token;
createRoot(document.getElementById("root")).render(createElement(App, { url: query.get("node"), token }));
`;

const SERVER = `
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { App } from "./support/react-app.mjs";
let calls = 0;
export const html = renderToString(createElement(App, { url: "/push", token: () => { calls += 1; return null; } }));
export const tokens = () => calls;
`;

for (const react of ["18", ""]) {
  const name = `React ${react || "19"}`;

  test(`${name}: a server rendering does not connect`, async () => {
    const file = join(folder, `server${react}.cjs`);
    writeFileSync(file, await bundle(react, SERVER, { platform: "node", format: "cjs" }));
    const { html, tokens } = (await import(pathToFileURL(file))).default;
    assert.match(html, /<p id="status">connecting<\/p><p id="plan">none<\/p>/);
    await pause(100);
    assert.equal(tokens(), 0);
  });

  test(`${name}: StrictMode has one connection, hooks show events, and unmounting closes it`, async () => {
    const user = `react${react}`;
    await node.publish(`user:${user}`, "account", { name: "gold" }, { class: "retained", key: "plan" });
    on.site.script(`app${react}.js`, await bundle(react, BROWSER, { platform: "browser", format: "iife" }));
    const page = await on.browser.newPage();
    const errors = [];
    page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
    page.on("pageerror", (error) => errors.push(error.message));
    let sockets = 0;
    page.on("websocket", () => { sockets += 1; });
    await page.goto(`${on.site.url}/app?${new URLSearchParams({ script: `app${react}.js`, node: node.url, user })}`);
    const text = (id, wanted) => eventually(() => page.textContent(`#${id}`), (shown) => shown === wanted);
    await text("status", "online");
    await text("plan", "gold");
    await node.publish(`user:${user}`, "payment-status", { status: "received" });
    await node.publish(`user:${user}`, "payment-status", { status: "paid" });
    await node.publish("topic:news", "headline", "once");
    await text("paid", "received,paid");
    await text("news", "1");
    await node.publish(`user:${user}`, "account", { name: "silver" }, { class: "retained", key: "plan" });
    await text("plan", "silver");
    await page.click("#late");
    await text("late-plan", "silver");
    assert.equal((await node.sessions(user)).length, 1);
    assert.equal(sockets, 1);
    await page.click("#leave");
    await eventually(() => node.sessions(user), ({ length }) => length === 0);
    await pause(1_200);
    assert.equal(sockets, 1, "it does not reconnect");
    assert.equal(await page.evaluate(() => client.status.state), "closed");
    assert.deepEqual(errors, []);
    await page.close();
  });
}
