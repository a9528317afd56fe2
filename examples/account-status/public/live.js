// A WebSocket that comes back, without any library. What it hears goes to `hear`, what becomes of the line to `show`.
// `access` fetches an address and a token; where it gives none, nobody is signed in and the line stays closed.
const SOONEST = 500;
const LATEST = 20_000;

export function live({ access, topics = [], hear, show }) {
  let socket;
  let timer;
  let tries = 0;
  let opened = 0;
  let asked; // when the node has asked to come back, in milliseconds

  async function open() {
    clearTimeout(timer);
    show("connecting");
    const mine = ++opened;
    const door = await access().catch(() => "away");
    if (mine !== opened) return; // overtaken by another one
    if (door === "away") return comeBack();
    if (!door) return show("signed-out");
    const line = (socket = new WebSocket(door.url, ["wirebell.v1", `wirebell.bearer.${door.token}`]));
    line.onmessage = ({ data }) => receive(line, JSON.parse(data));
    line.onclose = () => { if (line === socket) comeBack(); };
  }

  function receive(line, frame) {
    const send = (answer) => line.send(JSON.stringify(answer));
    if (frame.type === "wirebell.welcome") {
      tries = 0;
      for (const topic of topics) send({ type: "wirebell.subscribe", channel: `topic:${topic}`, ref: topic });
      show("live");
    } else if (frame.type === "wirebell.expiring") {
      // A new token on the same line: nothing is missed and nobody notices.
      access().then((door) => door && send({ type: "wirebell.auth", token: door.token }), () => {});
    } else if (frame.type === "wirebell.reconnect") {
      asked = frame.after * 1000;
    } else if (!frame.type.startsWith("wirebell.")) {
      hear(frame);
    }
  }

  // Somewhere within a time that doubles, so that a thousand tabs do not come back at the same moment.
  function comeBack() {
    show(navigator.onLine ? "away" : "offline");
    const wait = asked ?? Math.random() * Math.min(LATEST, SOONEST * 2 ** tries++);
    asked = undefined;
    timer = setTimeout(open, wait);
  }

  // A browser that is offline may believe in its old line for minutes.
  addEventListener("offline", () => { socket?.close(); show("offline"); });
  addEventListener("online", () => { tries = 0; close(); open(); });

  function close() {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.close();
  }
  return { open, close };
}

const WORDS = { connecting: "connecting", live: "live", away: "reconnecting", offline: "offline", "signed-out": "signed out" };

// What `show` does on both pages: a dot and a word.
export function showOn(element) {
  return (line) => {
    element.dataset.line = line === "offline" ? "away" : line;
    element.textContent = WORDS[line];
  };
}

export async function token() {
  const response = await fetch("/token");
  if (response.status === 401) return undefined;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  return response.json();
}

// Gives the problem that the server tells, if it tells one.
export async function ask(method, path, body) {
  const response = await fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return response.ok ? undefined : (await response.json()).problem;
}
