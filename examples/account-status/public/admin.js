// The admin's page. It shows what the topic `accounts` retains, so several admins see the same.
import { ask, live, showOn, token } from "./live.js";

const by = (id) => document.getElementById(id);

function card(user) {
  const there = by("accounts").querySelector(`[data-user="${user}"]`);
  if (there) return there;
  const made = by("account").content.cloneNode(true).firstElementChild;
  made.dataset.user = user;
  made.querySelector(".name").textContent = user;
  made.addEventListener("change", () => permit(user, [...made.querySelectorAll("input:checked")].map(({ value }) => value)));
  by("accounts").append(made);
  by("nobody").hidden = true;
  return made;
}

async function permit(user, permissions) {
  by("problem").textContent = (await ask("PUT", `/accounts/${user}/permissions`, { permissions })) ?? "";
}

live({
  access: async () => {
    const door = await token();
    const admin = door?.user === "admin";
    by("door").hidden = admin;
    return admin ? door : undefined;
  },
  topics: ["accounts"],
  hear({ type, data }) {
    const shown = card(data.user);
    if (type === "account-status") shown.querySelector(".word").textContent = data.status;
    if (type === "account-permissions") {
      for (const box of shown.querySelectorAll("input")) box.checked = data.permissions.includes(box.value);
    }
  },
  show: showOn(by("line")),
}).open();
