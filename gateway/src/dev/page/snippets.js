// Code examples for the selected user.
import { copy } from "./elements.js";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// If the server API listens on every address, the example uses the host name of this page.
function services() {
  const bound = document.querySelector("meta[name=wirebell-services]").content;
  return bound.replace(/^(0\.0\.0\.0|\[::\])/, location.hostname);
}

function curl(user) {
  const channel = JSON.stringify(`user:${user}`);
  const event = `{"to":${channel},"type":"payment-status",\n       "data":{"status":"paid","amount":"49.90"}}`;
  return [
    `curl http://${services()}/v1/events \\`,
    "  -H 'content-type: application/json' \\",
    `  -d ${quoted(event)}`,
  ].join("\n");
}

function script() {
  const address = `${location.protocol.replace("http", "ws")}//${location.host}/ws`;
  return [
    `const ws = new WebSocket("${address}",`,
    `  ["wirebell.v1", "wirebell.bearer." + token]);`,
    `ws.onmessage = (e) => show(JSON.parse(e.data));`,
  ].join("\n");
}

export function showSnippets(user) {
  document.getElementById("curl").textContent = curl(user);
  document.getElementById("script").textContent = script();
}

export function enableCopyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button, document.getElementById(button.dataset.copy).textContent));
  }
}
