// What an event says, in words, and how long it was on its way.
import { span } from "./clock.js";

const PAYMENT = {
  received: "Received",
  authorising: "Asking the bank",
  paid: "Paid",
  declined: "Declined",
};

export function words({ type, data }) {
  const isPayment = type === "payment-status" && typeof data?.status === "string";
  return isPayment ? PAYMENT[data.status] ?? data.status : type;
}

export function sum({ type, data }) {
  const amount = type === "payment-status" ? data?.amount : undefined;
  return typeof amount === "string" ? `${amount} ${data.currency ?? ""}`.trim() : undefined;
}

// Which payment it is about, by the end of its id, where ids differ; or which channel it came by.
export function about({ type, channel, data }) {
  const isPayment = type === "payment-status" && typeof data?.payment === "string";
  return isPayment ? `…${data.payment.slice(-6)}` : channel ?? "";
}

// From the event's own time to its arrival at this page. Both are whole milliseconds, so one may be off either way.
export function took(time, arrived) {
  const millis = arrived - Date.parse(time);
  if (Number.isNaN(millis)) return { figure: "?", unit: "no time" };
  if (millis < -5) return { figure: "?", unit: "clocks differ" };
  if (millis < 1) return { figure: "<1", unit: "ms" };
  if (millis < 10_000) return { figure: String(millis), unit: "ms" };
  return { figure: span(millis / 1000), unit: "old" };
}
