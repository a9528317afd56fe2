// The page of the payment service: pays, and shows what its user is told.
import { Line } from "./line.js";

const by = (id) => document.getElementById(id);
const WORDS = { connecting: "connecting", live: "live", away: "reconnecting", off: "switched off" };

const post = (path, body) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const line = new Line({
  async access() {
    const response = await fetch("/token");
    if (!response.ok) throw new Error(`/token answered ${response.status}`);
    return response.json();
  },
  show({ type, time, data }) {
    if (type !== "payment-status") return;
    const row = document.createElement("li");
    row.dataset.testid = "payment";
    row.dataset.payment = data.payment;
    row.append(`${data.amount} EUR ${data.status}`, Object.assign(document.createElement("time"), { textContent: new Date(time).toLocaleTimeString() }));
    by("events").prepend(row);
    by("nothing").hidden = true;
  },
  state(state) {
    by("line").dataset.line = state;
    by("line").textContent = WORDS[state];
  },
});

async function begin() {
  const inside = (await fetch("/token")).ok;
  by("door").hidden = inside;
  by("app").hidden = !inside;
  if (inside) line.open();
  else by("line").textContent = "signed out";
}

by("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  await post("/sign-in", { user: event.target.user.value });
  begin();
});

by("pay").addEventListener("submit", async (event) => {
  event.preventDefault();
  const began = performance.now();
  const response = await post("/payments", { amount: event.target.amount.value.replace(",", ".") });
  const took = Math.max(1, Math.round(performance.now() - began));
  by("answer").textContent = response.ok ? `Answered in ${took} ms.` : "An amount such as 49.90, please.";
});

by("on").addEventListener("change", ({ target }) => (target.checked ? line.open() : line.close()));

begin();
