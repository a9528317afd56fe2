// The page of the payment service: pays, and shows the user's events.
import { Connection } from "./connection.js";

const element = (id) => document.getElementById(id);
const LABELS = { connecting: "connecting", live: "live", away: "reconnecting", off: "switched off" };

const post = (path, body) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const connection = new Connection({
  async access() {
    const response = await fetch("/token");
    if (!response.ok) throw new Error(`/token answered ${response.status}`);
    return response.json();
  },
  onEvent({ type, time, data }) {
    if (type !== "payment-status") return;
    const row = document.createElement("li");
    row.dataset.testid = "payment";
    row.dataset.payment = data.payment;
    row.append(`${data.amount} EUR ${data.status}`, Object.assign(document.createElement("time"), { textContent: new Date(time).toLocaleTimeString() }));
    element("events").prepend(row);
    element("nothing").hidden = true;
  },
  onState(state) {
    element("connection").dataset.connection = state;
    element("connection").textContent = LABELS[state];
  },
});

async function begin() {
  const isSignedIn = (await fetch("/token")).ok;
  element("signed-out").hidden = isSignedIn;
  element("app").hidden = !isSignedIn;
  if (isSignedIn) connection.open();
  else element("connection").textContent = "signed out";
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  await post("/sign-in", { user: event.target.user.value });
  begin();
});

element("pay").addEventListener("submit", async (event) => {
  event.preventDefault();
  const began = performance.now();
  const response = await post("/payments", { amount: event.target.amount.value.replace(",", ".") });
  const took = Math.max(1, Math.round(performance.now() - began));
  element("answer").textContent = response.ok ? `Answered in ${took} ms.` : "An amount such as 49.90, please.";
});

element("on").addEventListener("change", ({ target }) => (target.checked ? connection.open() : connection.close()));

begin();
