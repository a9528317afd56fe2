// The list of payments: each with its steps and the publish result of each step.
import { h } from "./elements.js";

const MAX_PAYMENTS = 8;

export class Payments {
  constructor(list) {
    this.list = list;
  }

  // Adds a payment. Returns an object that adds steps to it.
  add({ payment, user, amount, millis }) {
    const steps = h("ol", { class: "steps" }, answered(millis));
    this.list.prepend(h("li", { class: "payment", "data-testid": "payment", "data-payment": payment, "data-user": user },
      h("p", { class: "what" }, h("b", {}, `${amount} EUR`), ` from user ${user}`),
      h("p", { class: "id" }, h("code", {}, payment)),
      steps));
    if (this.list.childElementCount > MAX_PAYMENTS) this.list.lastChild.remove();
    return { add: (step) => steps.append(row(step)) };
  }
}

function answered(millis) {
  return h("li", { "data-testid": "step", "data-status": "answered" },
    h("p", {}, h("b", {}, "answered 202"), h("span", { class: "when" }, `${millis} ms`)),
    h("p", { class: "result" }, "The caller does not wait for delivery."));
}

function row({ status, after, told: result, problem }) {
  return h("li", { "data-testid": "step", "data-status": status },
    h("p", {}, h("b", {}, status), h("span", { class: "when" }, `${(after / 1000).toFixed(1)} s`)),
    problem === undefined ? published(result) : h("p", { class: "result error" }, `Not published: ${problem}`));
}

function published({ id, cursor, nodes, millis }) {
  const subscribers = nodes === 0 ? "no node has subscribers" : nodes === 1 ? "1 node has subscribers" : `${nodes} nodes have subscribers`;
  const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, h("code", {}, value)));
  return h("div", { class: "result", "data-testid": "result" },
    h("p", {}, `Published in ${millis || "<1"} ms; ${subscribers}.`),
    h("dl", {}, fact("id", id), cursor ? fact("cursor", cursor) : ""));
}
