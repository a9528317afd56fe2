// The page, put together. `?user=` says whose first device this tab is, `?lifetime=` how many seconds its tokens live.
import { Backend } from "./backend.js";
import { Devices } from "./devices.js";
import { letSnippetsBeCopied, showSnippets } from "./snippets.js";

const asked = new URLSearchParams(location.search);
const user = asked.get("user") || "42";

const backend = new Backend(showSnippets);
backend.user = user;
showSnippets(user);
letSnippetsBeCopied();

const devices = new Devices(Number(asked.get("lifetime")) || undefined);
devices.add(user);

const add = document.getElementById("add");
add.elements.user.value = user;
add.addEventListener("submit", (event) => {
  event.preventDefault();
  const whose = add.elements.user.value.trim();
  if (whose) devices.add(whose);
});

const neighbour = user === "43" ? "42" : "43";
const tab = document.getElementById("tab");
tab.href = `/?user=${neighbour}`;
tab.textContent = `Open user ${neighbour} in another tab`;

const bell = document.querySelector(".bell");
addEventListener("ring", () => {
  bell.classList.remove("rings");
  requestAnimationFrame(() => bell.classList.add("rings"));
});
document.title = `User ${user}, Wirebell live`;
