// Payments, each of which somebody waits for on one connection. What a payment does takes a while; then that connection is told.
import { randomUUID } from "node:crypto";

export class Payments {
  #wb;
  #takes;
  #all = new Map();

  constructor(wb, takes) {
    this.#wb = wb;
    this.#takes = takes;
  }

  begin(user, amount, socketId) {
    const payment = { id: randomUUID(), user, amount, status: "processing", socketId };
    this.#all.set(payment.id, payment);
    setTimeout(() => this.#end(payment), this.#takes);
    return seen(payment);
  }

  // Whoever waits has another connection now: it reloaded, or its node has gone. What is known is the answer; what is
  // not yet, goes there.
  follow(id, user, socketId) {
    const payment = this.#all.get(id);
    if (payment?.user !== user) return undefined;
    payment.socketId = socketId;
    return seen(payment);
  }

  #end(payment) {
    payment.status = payment.amount.endsWith(".13") ? "declined" : "paid";
    // It does not wait, and does not fail: the page asks when it has a new connection.
    this.#wb.enqueue({ to: `conn:${payment.socketId}`, type: "payment-status", data: seen(payment) });
  }
}

const seen = ({ id, amount, status }) => ({ id, amount, status });
