// The admin's page. It shows the retained events of the topic `accounts`, so all admins see the same.
import { createConnection, fetchAccess, request, showStateIn } from "./connection.js";

const element = (id) => document.getElementById(id);

function card(user) {
  const existing = element("accounts").querySelector(`[data-user="${user}"]`);
  if (existing) return existing;
  const item = element("account").content.cloneNode(true).firstElementChild;
  item.dataset.user = user;
  item.querySelector(".name").textContent = user;
  item.addEventListener("change", () => permit(user, [...item.querySelectorAll("input:checked")].map(({ value }) => value)));
  element("accounts").append(item);
  element("nobody").hidden = true;
  return item;
}

async function permit(user, permissions) {
  element("problem").textContent = (await request("PUT", `/accounts/${user}/permissions`, { permissions })) ?? "";
}

createConnection({
  access: async () => {
    const session = await fetchAccess();
    const admin = session?.user === "admin";
    element("signed-out").hidden = admin;
    return admin ? session : undefined;
  },
  topics: ["accounts"],
  onEvent({ type, data }) {
    const shown = card(data.user);
    if (type === "account-status") shown.querySelector(".word").textContent = data.status;
    if (type === "account-permissions") {
      for (const box of shown.querySelectorAll("input")) box.checked = data.permissions.includes(box.value);
    }
  },
  onState: showStateIn(element("connection")),
}).open();
