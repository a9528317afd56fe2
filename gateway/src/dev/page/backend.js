// The payment form. The backend answers a payment at once, then works on it while the page shows
// the steps.
import { announce } from "./elements.js";
import { get, post } from "./http.js";
import { Payments } from "./payments.js";

// The radio button that shows the field for another user id.
const OTHER = "other";

export class Backend {
  #form = document.getElementById("pay");
  #problem = this.#form.querySelector(".problem");
  #payments = new Payments(document.querySelector(".payments"));

  constructor(userChanged) {
    this.#form.addEventListener("change", () => { this.#showUserField(); userChanged(this.user); });
    this.#form.addEventListener("input", () => userChanged(this.user));
    this.#form.addEventListener("submit", (event) => { event.preventDefault(); this.#pay(); });
  }

  get user() {
    const { user, other } = this.#form.elements;
    return user.value === OTHER ? other.value.trim() : user.value;
  }

  set user(user) {
    const { elements } = this.#form;
    const known = user === "42" || user === "43";
    elements.user.value = known ? user : OTHER;
    if (!known) elements.other.value = user;
    this.#showUserField();
  }

  #showUserField() {
    this.#form.querySelector(".other").hidden = this.#form.elements.user.value !== OTHER;
  }

  async #pay() {
    this.#showProblem("");
    const [user, amount, started] = [this.user, this.#form.elements.amount.value.trim(), performance.now()];
    try {
      const { payment } = await post("/dev/pay", { user, amount });
      const steps = this.#payments.add({ payment, user, amount, millis: Math.round(performance.now() - started) });
      document.getElementById("no-payments").hidden = true;
      await this.#watch(payment, steps);
    } catch (error) {
      this.#showProblem(error.message);
    }
  }

  // Requests the steps after those already shown. The gateway answers when there are new ones.
  async #watch(payment, steps) {
    for (let seen = 0, done = false; !done;) {
      const answer = await get(`/dev/payments/${encodeURIComponent(payment)}?seen=${seen}`);
      answer.steps.slice(seen).forEach(steps.add);
      ({ done } = answer);
      seen = answer.steps.length;
    }
    announce(`Payment ${payment} is done.`);
  }

  #showProblem(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = text === "";
  }
}
