// A WebSocket that reconnects, without a library. It passes events to `onEvent` and its state to `onState`.
// `access` fetches the URL and a token. If it returns nothing, the user is signed out and no connection is opened.
const MIN_WAIT = 500;
const MAX_WAIT = 20_000;

export function createConnection({ access, topics = [], onEvent, onState }) {
  let socket;
  let timer;
  let attempts = 0;
  let generation = 0;
  let reconnectAfter; // the wait that the node asked for, in milliseconds

  async function open() {
    clearTimeout(timer);
    onState("connecting");
    const current = ++generation;
    const session = await access().catch(() => "away");
    if (current !== generation) return; // a newer call has replaced this one
    if (session === "away") return reconnect();
    if (!session) return onState("signed-out");
    const opened = (socket = new WebSocket(session.url, ["wirebell.v1", `wirebell.bearer.${session.token}`]));
    opened.onmessage = ({ data }) => receive(opened, JSON.parse(data));
    opened.onclose = () => { if (opened === socket) reconnect(); };
  }

  function receive(opened, frame) {
    const send = (answer) => opened.send(JSON.stringify(answer));
    if (frame.type === "wirebell.welcome") {
      attempts = 0;
      for (const topic of topics) send({ type: "wirebell.subscribe", channel: `topic:${topic}`, ref: topic });
      onState("live");
    } else if (frame.type === "wirebell.expiring") {
      // A new token on the same connection: no event is missed.
      access().then((session) => session && send({ type: "wirebell.auth", token: session.token }), () => {});
    } else if (frame.type === "wirebell.reconnect") {
      reconnectAfter = frame.after * 1000;
    } else if (!frame.type.startsWith("wirebell.")) {
      onEvent(frame);
    }
  }

  // A random wait with a doubling limit, so that many tabs do not reconnect at the same moment.
  function reconnect() {
    onState(navigator.onLine ? "away" : "offline");
    const wait = reconnectAfter ?? Math.random() * Math.min(MAX_WAIT, MIN_WAIT * 2 ** attempts++);
    reconnectAfter = undefined;
    timer = setTimeout(open, wait);
  }

  // An offline browser may keep a dead connection open for minutes.
  addEventListener("offline", () => { socket?.close(); onState("offline"); });
  addEventListener("online", () => { attempts = 0; close(); open(); });

  function close() {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.close();
  }
  return { open, close };
}

const LABELS = { connecting: "connecting", live: "live", away: "reconnecting", offline: "offline", "signed-out": "signed out" };

// Returns an `onState` that shows a dot and a label in the element.
export function showStateIn(element) {
  return (state) => {
    element.dataset.connection = state === "offline" ? "away" : state;
    element.textContent = LABELS[state];
  };
}

export async function fetchAccess() {
  const response = await fetch("/token");
  if (response.status === 401) return undefined;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  return response.json();
}

// Sends a request. Returns the server's problem text if it fails, else nothing.
export async function request(method, path, body) {
  const response = await fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return response.ok ? undefined : (await response.json()).problem;
}
