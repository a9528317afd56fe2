// The user's page. It does not poll: it shows the state from the latest events.
import { createConnection, fetchAccess, request, showStateIn } from "./connection.js";

const element = (id) => document.getElementById(id);
let sleeps;

const handlers = {
  "account-status": ({ status, sleeps: until }) => {
    element("word").textContent = status;
    element("status").dataset.status = status;
    sleeps = until && new Date(until);
    tick();
  },
  "account-permissions": ({ permissions }) => {
    for (const button of element("actions").querySelectorAll("button")) button.disabled = !permissions.includes(button.dataset.what);
  },
};

const connection = createConnection({
  access: async () => {
    const session = await fetchAccess();
    element("signed-out").hidden = Boolean(session);
    element("account").hidden = !session;
    if (session) element("user").textContent = session.user;
    return session;
  },
  onEvent({ type, time, data }) {
    handlers[type]?.(data);
    const row = document.createElement("li");
    row.dataset.testid = "event";
    const what = data.status ?? `may ${data.permissions.join(", ") || "do nothing"}`;
    row.append(what, Object.assign(document.createElement("time"), { textContent: new Date(time).toLocaleTimeString() }));
    element("events").prepend(row);
    while (element("events").children.length > 6) element("events").lastChild.remove();
  },
  onState: showStateIn(element("connection")),
});

function tick() {
  const left = sleeps && Math.max(0, Math.round((sleeps - Date.now()) / 1000));
  element("until").textContent = sleeps ? `The account hibernates in ${left} s without activity.` : "The account becomes active again with any action.";
}
setInterval(tick, 1000);

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = await request("POST", "/sign-in", { user: event.target.user.value });
  document.querySelector("[data-testid=sign-in-problem]").textContent = problem ?? "";
  if (!problem) connection.open();
});

element("actions").addEventListener("click", async ({ target }) => {
  if (!target.dataset.what) return;
  element("answer").textContent = (await request("POST", "/work", { what: target.dataset.what })) ?? `Done: ${target.dataset.what}.`;
});

connection.open();
