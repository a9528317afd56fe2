// The page: emits `send-message`, hears `message-saved`.
import { wirebell } from "wirebell";

const by = (id) => document.getElementById(id);
const made = (name, more = {}) => Object.assign(document.createElement(name), more);
const room = new URLSearchParams(location.search).get("room") ?? "lobby";
const WORDS = { connecting: "connecting", online: "live", waiting: "reconnecting", offline: "offline", closed: "not let in" };
// What the nodes say when nobody has taken the message yet, or for good.
const WHY = { no_reply: "waiting to be saved", no_service: "the chat is closed", not_allowed: "you may not", rate_limited: "too fast" };

async function session() {
  const response = await fetch("/token");
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  return response.json();
}

let me;
let wb;

async function begin() {
  const mine = await session();
  by("door").hidden = Boolean(mine);
  by("app").hidden = !mine;
  if (!mine) return line("closed", "signed out");
  me = mine.user;
  for (const name of mine.rooms) {
    by("rooms").append(made("a", { href: `?room=${name}`, textContent: name, ariaCurrent: name === room ? "page" : null }), " ");
  }
  wb = wirebell(mine.url, { token: async () => (await session())?.token });
  wb.subscribe(`topic:room-${room}`);
  wb.on("message-saved", (message) => show({ ...message, state: "saved" }));
  wb.onGap(before);
  // Whenever a line begins, what was said before it is asked for; what is known already is not shown twice.
  wb.onStatus(({ state }) => {
    line(state, WORDS[state]);
    if (state === "online") before();
  });
}

function line(state, word) {
  by("line").dataset.line = { online: "live", connecting: "connecting" }[state] ?? "away";
  by("line").textContent = word;
}

// What was said before this page came.
async function before() {
  const all = await (await fetch(`/messages?room=${encodeURIComponent(room)}`)).json();
  all.forEach((message) => show({ ...message, state: "saved" }));
}

// The same id again is the same message, at most in another state; what is saved stays saved.
function show({ id, from, text, at = Date.now(), state, note = "" }) {
  const there = by("messages").querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (there?.dataset.state === "saved") return there;
  const row = made("li");
  Object.assign(row.dataset, { testid: "message", id, state, at, mine: from === me });
  row.append(made("b", { textContent: from }), made("span", { className: "text", textContent: text }));
  row.append(made("time", { className: "small", textContent: note || new Date(at).toLocaleTimeString([], { timeStyle: "short" }) }));
  there?.remove();
  const later = [...by("messages").children].find((other) => Number(other.dataset.at) > at);
  by("messages").insertBefore(row, later ?? null);
  by("nothing").hidden = true;
  row.scrollIntoView({ block: "nearest" });
  return row;
}

async function send(text, id = crypto.randomUUID()) {
  const message = { id: `${me}:${id}`, from: me, text };
  show({ ...message, state: "sending", note: "sending" });
  const answer = await wb.emit("send-message", { room, text }, { id }).catch(({ code }) => ({ refused: WHY[code] ?? code, again: true }));
  if (answer.saved) return;
  const row = show({ ...message, state: "unsaved", note: answer.refused });
  // The same id: if it was taken after all, it is still one message.
  if (answer.again && row.dataset.state === "unsaved") row.append(made("button", { className: "quiet small", textContent: "Send again", onclick: () => send(text, id) }));
}

by("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ user: event.target.user.value });
  await fetch("/sign-in", { method: "POST", headers: { "content-type": "application/json" }, body });
  begin();
});

by("say").addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target.text.value);
  event.target.reset();
});

begin();
