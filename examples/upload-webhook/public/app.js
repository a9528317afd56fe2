// The page: uploads files, and shows the user's events. All tabs of this browser share one connection.
import { wirebell } from "wirebell/tabs";

const element = (id) => document.getElementById(id);
const create = (name, more = {}) => Object.assign(document.createElement(name), more);

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
  const current = await session();
  element("signed-out").hidden = Boolean(current);
  element("app").hidden = !current;
  element("why").hidden = !why;
  element("why").textContent = why;
  for (const list of ["files", "devices"]) element(list).replaceChildren();
  element("nothing").hidden = false;
  if (!current) return showConnection("off", "signed out");
  device = current.device;
  wb = wirebell(current.url, { token: async () => (await session())?.token });
  wb.on("file", showFile);
  wb.on("devices", showDevices);
  wb.onGap(fetchAll);
  wb.onStatus(onStatus);
  onStatus(wb.status);
}

let wasOnline = false;
function onStatus({ state, reason }) {
  showConnection(state === "online" ? "live" : state === "connecting" ? "connecting" : "away", { online: "live", waiting: "reconnecting" }[state] ?? state);
  // From now on no event is missed. The state from before is fetched.
  if (state === "online" && !wasOnline) fetchAll();
  wasOnline = state === "online" || (wasOnline && state !== "closed");
  // The node ended this device's sessions, or the backend issues no token for it any more.
  if (state === "closed" && reason !== "closed") begin("You were signed out on this device.");
}

function showConnection(name, word) {
  element("connection").dataset.connection = name;
  element("connection").textContent = word;
}

async function fetchAll() {
  const [files, devices] = await Promise.all(["/files", "/devices"].map(async (path) => (await fetch(path)).json()));
  files.forEach(showFile);
  showDevices(devices);
}

// Data of a file is only ever added, so the order of events and responses does not matter.
function showFile({ file, name, bytes, found }) {
  const existing = element("files").querySelector(`[data-file="${file}"]`);
  if (existing?.dataset.state === "inspected") return;
  const row = create("li");
  Object.assign(row.dataset, { testid: "file", file, state: found ? "inspected" : "inspecting" });
  row.append(create("b", { textContent: name }), create("span", { className: "soft small", textContent: `${bytes.toLocaleString("en")} bytes` }));
  row.append(create("span", { className: "state", textContent: found ? `${found.words} words in ${found.lines} lines` : "being inspected" }));
  if (found) row.append(create("code", { className: "small soft", textContent: found.sha256 }));
  if (existing) existing.replaceWith(row);
  else element("files").prepend(row);
  element("nothing").hidden = true;
}

function showDevices(devices) {
  element("devices").replaceChildren(...devices.map(({ device: id, name }) => {
    const row = create("li");
    row.dataset.testid = "device";
    const button = create("button", { className: "quiet", textContent: id === device ? "Sign out" : "Sign it out", onclick: () => remove(id) });
    row.append(create("span", { textContent: id === device ? `${name} (this one)` : name }), button);
    return row;
  }));
}

async function remove(id) {
  await fetch(`/devices/${id}`, { method: "DELETE" });
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, device: kind } = event.target;
  const body = JSON.stringify({ user: user.value, device: kind.value });
  await fetch("/sign-in", { method: "POST", headers: { "content-type": "application/json" }, body });
  begin();
});

element("upload").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = event.target.file.files;
  const response = await fetch(`/files?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  element("problem").textContent = response.ok ? "" : (await response.json()).detail;
  if (response.ok) showFile(await response.json());
  event.target.reset();
});

begin();
