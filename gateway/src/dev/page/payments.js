// Payments as the backend sees them: each a short line of time, with what the publisher was told at each step.
import { h } from "./dom.js";

const KEPT = 8;

export class Payments {
  constructor(list) {
    this.list = list;
  }

  // Returns where the steps of this payment go.
  add({ payment, user, amount, millis }) {
    const steps = h("ol", { class: "steps" }, answered(millis));
    this.list.prepend(h("li", { class: "payment", "data-testid": "payment", "data-payment": payment, "data-user": user },
      h("p", { class: "what" }, h("b", {}, `${amount} EUR`), ` from user ${user}`),
      h("p", { class: "id" }, h("code", {}, payment)),
      steps));
    if (this.list.childElementCount > KEPT) this.list.lastChild.remove();
    return { add: (step) => steps.append(row(step)) };
  }
}

function answered(millis) {
  return h("li", { "data-testid": "step", "data-status": "answered" },
    h("p", {}, h("b", {}, "answered 202"), h("span", { class: "when" }, `${millis} ms`)),
    h("p", { class: "told" }, "The caller no longer waits."));
}

function row({ status, after, told, problem }) {
  return h("li", { "data-testid": "step", "data-status": status },
    h("p", {}, h("b", {}, status), h("span", { class: "when" }, `${(after / 1000).toFixed(1)} s`)),
    problem === undefined ? accepted(told) : h("p", { class: "told fault" }, `Not published: ${problem}`));
}

function accepted({ id, cursor, nodes, millis }) {
  const listening = nodes === 0 ? "nobody is connected" : nodes === 1 ? "1 node listens" : `${nodes} nodes listen`;
  const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, h("code", {}, value)));
  return h("div", { class: "told", "data-testid": "told" },
    h("p", {}, `Published in ${millis || "<1"} ms; ${listening}.`),
    h("dl", {}, fact("id", id), cursor ? fact("cursor", cursor) : ""));
}
