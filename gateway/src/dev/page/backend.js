// The backend's side: a payment is asked for, answered at once, and worked on while we look.
import { announce } from "./dom.js";
import { get, post } from "./http.js";
import { Payments } from "./payments.js";

// The choice that is no user, but a field to name one.
const OTHER = "other";

export class Backend {
  #form = document.getElementById("pay");
  #problem = this.#form.querySelector(".problem");
  #payments = new Payments(document.querySelector(".payments"));

  constructor(userChanged) {
    this.#form.addEventListener("change", () => { this.#other(); userChanged(this.user); });
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
    this.#other();
  }

  #other() {
    this.#form.querySelector(".other").hidden = this.#form.elements.user.value !== OTHER;
  }

  async #pay() {
    this.#say("");
    const [user, amount, asked] = [this.user, this.#form.elements.amount.value.trim(), performance.now()];
    try {
      const { payment } = await post("/dev/pay", { user, amount });
      const steps = this.#payments.add({ payment, user, amount, millis: Math.round(performance.now() - asked) });
      document.getElementById("no-payments").hidden = true;
      await this.#watch(payment, steps);
    } catch (error) {
      this.#say(error.message);
    }
  }

  // Asks for the steps after those already seen; the gateway answers when there are some.
  async #watch(payment, steps) {
    for (let seen = 0, done = false; !done;) {
      const answer = await get(`/dev/payments/${encodeURIComponent(payment)}?seen=${seen}`);
      answer.steps.slice(seen).forEach(steps.add);
      ({ done } = answer);
      seen = answer.steps.length;
    }
    announce(`Payment ${payment} is done.`);
  }

  #say(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = text === "";
  }
}
