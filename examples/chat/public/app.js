// The page: emits `send-message`, receives `message-saved`.
import { wirebell } from "wirebell";

const element = (id) => document.getElementById(id);
const create = (name, more = {}) => Object.assign(document.createElement(name), more);
const room = new URLSearchParams(location.search).get("room") ?? "lobby";
const LABELS = { connecting: "connecting", online: "live", waiting: "reconnecting", offline: "offline", closed: "not allowed" };
// Texts for the error codes of an emit.
const REASONS = { no_reply: "waiting to be saved", no_service: "the chat is closed", not_allowed: "not allowed", rate_limited: "too fast" };

async function session() {
  const response = await fetch("/token");
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  return response.json();
}

let me;
let wb;

async function begin() {
  const current = await session();
  element("signed-out").hidden = Boolean(current);
  element("app").hidden = !current;
  if (!current) return showConnection("closed", "signed out");
  me = current.user;
  for (const name of current.rooms) {
    element("rooms").append(create("a", { href: `?room=${name}`, textContent: name, ariaCurrent: name === room ? "page" : null }), " ");
  }
  wb = wirebell(current.url, { token: async () => (await session())?.token });
  wb.subscribe(`topic:room-${room}`);
  wb.on("message-saved", (message) => show({ ...message, state: "saved" }));
  wb.onGap(loadEarlier);
  // Earlier messages are fetched on every connect. Messages that are already shown are not shown twice.
  wb.onStatus(({ state }) => {
    showConnection(state, LABELS[state]);
    if (state === "online") loadEarlier();
  });
}

function showConnection(state, word) {
  element("connection").dataset.connection = { online: "live", connecting: "connecting" }[state] ?? "away";
  element("connection").textContent = word;
}

// Fetches the messages from before this connection.
async function loadEarlier() {
  const all = await (await fetch(`/messages?room=${encodeURIComponent(room)}`)).json();
  all.forEach((message) => show({ ...message, state: "saved" }));
}

// The same id is the same message, perhaps in another state. A saved message stays saved.
function show({ id, from, text, at = Date.now(), state, note = "" }) {
  const existing = element("messages").querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (existing?.dataset.state === "saved") return existing;
  const row = create("li");
  Object.assign(row.dataset, { testid: "message", id, state, at, mine: from === me });
  row.append(create("b", { textContent: from }), create("span", { className: "text", textContent: text }));
  row.append(create("time", { className: "small", textContent: note || new Date(at).toLocaleTimeString([], { timeStyle: "short" }) }));
  existing?.remove();
  const later = [...element("messages").children].find((other) => Number(other.dataset.at) > at);
  element("messages").insertBefore(row, later ?? null);
  element("nothing").hidden = true;
  row.scrollIntoView({ block: "nearest" });
  return row;
}

async function send(text, id = crypto.randomUUID()) {
  const message = { id: `${me}:${id}`, from: me, text };
  show({ ...message, state: "sending", note: "sending" });
  const answer = await wb.emit("send-message", { room, text }, { id }).catch(({ code }) => ({ refused: REASONS[code] ?? code, again: true }));
  if (answer.saved) return;
  const row = show({ ...message, state: "unsaved", note: answer.refused });
  // The same id: if the message was saved after all, it is still one message.
  if (answer.again && row.dataset.state === "unsaved") row.append(create("button", { className: "quiet small", textContent: "Send again", onclick: () => send(text, id) }));
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ user: event.target.user.value });
  await fetch("/sign-in", { method: "POST", headers: { "content-type": "application/json" }, body });
  begin();
});

element("say").addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target.text.value);
  event.target.reset();
});

begin();
