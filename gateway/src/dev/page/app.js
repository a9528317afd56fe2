// Entry point of the page. `?user=` is the user of the first device, `?lifetime=` the lifetime of
// tokens in seconds.
import { Backend } from "./backend.js";
import { Devices } from "./devices.js";
import { enableCopyButtons, showSnippets } from "./snippets.js";

const query = new URLSearchParams(location.search);
const user = query.get("user") || "42";

const backend = new Backend(showSnippets);
backend.user = user;
showSnippets(user);
enableCopyButtons();

const devices = new Devices(Number(query.get("lifetime")) || undefined);
devices.add(user);

const add = document.getElementById("add");
add.elements.user.value = user;
add.addEventListener("submit", (event) => {
  event.preventDefault();
  const owner = add.elements.user.value.trim();
  if (owner) devices.add(owner);
});

const otherUser = user === "43" ? "42" : "43";
const tab = document.getElementById("tab");
tab.href = `/?user=${otherUser}`;
tab.textContent = `Open user ${otherUser} in another tab`;

const bell = document.querySelector(".bell");
addEventListener("ring", () => {
  bell.classList.remove("rings");
  requestAnimationFrame(() => bell.classList.add("rings"));
});
document.title = `User ${user}, Wirebell live`;
