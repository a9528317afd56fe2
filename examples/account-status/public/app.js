// The user's page. It asks for nothing: its state is what the last events said.
import { ask, live, showOn, token } from "./live.js";

const by = (id) => document.getElementById(id);
let sleeps;

const heard = {
  "account-status": ({ status, sleeps: until }) => {
    by("word").textContent = status;
    by("status").dataset.status = status;
    sleeps = until && new Date(until);
    tick();
  },
  "account-permissions": ({ permissions }) => {
    for (const button of by("actions").querySelectorAll("button")) button.disabled = !permissions.includes(button.dataset.what);
  },
};

const line = live({
  access: async () => {
    const door = await token();
    by("door").hidden = Boolean(door);
    by("account").hidden = !door;
    if (door) by("user").textContent = door.user;
    return door;
  },
  hear({ type, time, data }) {
    heard[type]?.(data);
    const row = document.createElement("li");
    row.dataset.testid = "event";
    const what = data.status ?? `may ${data.permissions.join(", ") || "do nothing"}`;
    row.append(what, Object.assign(document.createElement("time"), { textContent: new Date(time).toLocaleTimeString() }));
    by("events").prepend(row);
    while (by("events").children.length > 6) by("events").lastChild.remove();
  },
  show: showOn(by("line")),
});

function tick() {
  const left = sleeps && Math.max(0, Math.round((sleeps - Date.now()) / 1000));
  by("until").textContent = sleeps ? `It falls asleep in ${left} s, unless you do something.` : "It wakes up as soon as you do something.";
}
setInterval(tick, 1000);

by("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = await ask("POST", "/sign-in", { user: event.target.user.value });
  document.querySelector("[data-testid=sign-in-problem]").textContent = problem ?? "";
  if (!problem) line.open();
});

by("actions").addEventListener("click", async ({ target }) => {
  if (!target.dataset.what) return;
  by("answer").textContent = (await ask("POST", "/work", { what: target.dataset.what })) ?? `Done: ${target.dataset.what}.`;
});

line.open();
