// Payments. Each takes a while; its result goes to the connection that started it.
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
    return visible(payment);
  }

  // Moves a payment to the client's new connection, as after a reload or a lost node. Returns its current state; a later
  // result goes to the new connection.
  follow(id, user, socketId) {
    const payment = this.#all.get(id);
    if (payment?.user !== user) return undefined;
    payment.socketId = socketId;
    return visible(payment);
  }

  #end(payment) {
    payment.status = payment.amount.endsWith(".13") ? "declined" : "paid";
    // `enqueue` neither waits nor fails. After a reconnect the page asks for the state of its payments.
    this.#wb.enqueue({ to: `conn:${payment.socketId}`, type: "payment-status", data: visible(payment) });
  }
}

const visible = ({ id, amount, status }) => ({ id, amount, status });
