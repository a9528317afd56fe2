// A small app that uses the hooks. The React tests bundle it.
import { createElement as h, StrictMode, useState } from "react";
import { WirebellProvider, useEvent, useRetained, useStatus, useTopic, useWirebell } from "wirebell/react";

function Account() {
  const status = useStatus();
  const plan = useRetained("plan", { name: "none" });
  const [paid, setPaid] = useState([]);
  const [news, setNews] = useState(0);
  useEvent("payment-status", (data) => setPaid((all) => [...all, data.status]));
  useTopic("topic:news", () => setNews((count) => count + 1));
  globalThis.client = useWirebell();
  return h("main", null, h("p", { id: "status" }, status.state), h("p", { id: "plan" }, plan.name), h("p", { id: "paid" }, paid.join()), h("p", { id: "news" }, news));
}

// A component that mounts later gets the retained value at once.
function Late() {
  const [shown, show] = useState(false);
  return h("div", null, h("button", { id: "late", onClick: () => show(true) }, "late"), shown && h(Plan));
}

function Plan() {
  return h("p", { id: "late-plan" }, useRetained("plan")?.name);
}

export function App({ url, token }) {
  const [there, setThere] = useState(true);
  const page = there && h(WirebellProvider, { url, token }, h(Account), h(Late));
  return h(StrictMode, null, h("button", { id: "leave", onClick: () => setThere(false) }, "leave"), page);
}
