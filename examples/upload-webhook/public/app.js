// The page: uploads, and shows what its user is told. All tabs of this browser share one connection.
import { wirebell } from "wirebell/tabs";

const by = (id) => document.getElementById(id);
const made = (name, more = {}) => Object.assign(document.createElement(name), more);

const session = async () => {
  const response = await fetch("/token");
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  return response.json();
};

let wb;
let device;

async function begin(why = "") {
  wb?.close();
  wb = undefined;
  const mine = await session();
  by("door").hidden = Boolean(mine);
  by("app").hidden = !mine;
  by("why").hidden = !why;
  by("why").textContent = why;
  for (const list of ["files", "devices"]) by(list).replaceChildren();
  by("nothing").hidden = false;
  if (!mine) return line("off", "signed out");
  device = mine.device;
  wb = wirebell(mine.url, { token: async () => (await session())?.token });
  wb.on("file", showFile);
  wb.on("devices", showDevices);
  wb.onGap(fetchAll);
  wb.onStatus(followLine);
  followLine(wb.status);
}

let wasOnline = false;
function followLine({ state, reason }) {
  line(state === "online" ? "live" : state === "connecting" ? "connecting" : "away", { online: "live", waiting: "reconnecting" }[state] ?? state);
  // From here on nothing is missed: what was there before is fetched now.
  if (state === "online" && !wasOnline) fetchAll();
  wasOnline = state === "online" || (wasOnline && state !== "closed");
  // The node has ended this device's sessions, or there is no token for it any more.
  if (state === "closed" && reason !== "closed") begin("You were signed out on this device.");
}

function line(name, word) {
  by("line").dataset.line = name;
  by("line").textContent = word;
}

async function fetchAll() {
  const [files, devices] = await Promise.all(["/files", "/devices"].map(async (path) => (await fetch(path)).json()));
  files.forEach(showFile);
  showDevices(devices);
}

// What is known of a file only grows, so it does not matter which comes first.
function showFile({ file, name, bytes, found }) {
  const there = by("files").querySelector(`[data-file="${file}"]`);
  if (there?.dataset.state === "inspected") return;
  const row = made("li");
  Object.assign(row.dataset, { testid: "file", file, state: found ? "inspected" : "inspecting" });
  row.append(made("b", { textContent: name }), made("span", { className: "soft small", textContent: `${bytes.toLocaleString("en")} bytes` }));
  row.append(made("span", { className: "state", textContent: found ? `${found.words} words in ${found.lines} lines` : "being inspected" }));
  if (found) row.append(made("code", { className: "small soft", textContent: found.sha256 }));
  if (there) there.replaceWith(row);
  else by("files").prepend(row);
  by("nothing").hidden = true;
}

function showDevices(devices) {
  by("devices").replaceChildren(...devices.map(({ device: id, name }) => {
    const row = made("li");
    row.dataset.testid = "device";
    const button = made("button", { className: "quiet", textContent: id === device ? "Sign out" : "Sign it out", onclick: () => remove(id) });
    row.append(made("span", { textContent: id === device ? `${name} (this one)` : name }), button);
    return row;
  }));
}

async function remove(id) {
  await fetch(`/devices/${id}`, { method: "DELETE" });
}

by("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, device: kind } = event.target;
  const body = JSON.stringify({ user: user.value, device: kind.value });
  await fetch("/sign-in", { method: "POST", headers: { "content-type": "application/json" }, body });
  begin();
});

by("upload").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = event.target.file.files;
  const response = await fetch(`/files?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  by("problem").textContent = response.ok ? "" : (await response.json()).detail;
  if (response.ok) showFile(await response.json());
  event.target.reset();
});

begin();
