// The text of an event, and its latency.
import { span } from "./clock.js";

const PAYMENT = {
  received: "Received",
  authorising: "Asking the bank",
  paid: "Paid",
  declined: "Declined",
};

export function label({ type, data }) {
  const isPayment = type === "payment-status" && typeof data?.status === "string";
  return isPayment ? PAYMENT[data.status] ?? data.status : type;
}

export function amount({ type, data }) {
  const value = type === "payment-status" ? data?.amount : undefined;
  return typeof value === "string" ? `${value} ${data.currency ?? ""}`.trim() : undefined;
}

// Returns the end of the payment's id, where ids differ, or the event's channel.
export function reference({ type, channel, data }) {
  const isPayment = type === "payment-status" && typeof data?.payment === "string";
  return isPayment ? `…${data.payment.slice(-6)}` : channel ?? "";
}

// Returns the time from the event's timestamp to its arrival. Both are whole milliseconds, so
// either may be off by one.
export function latency(time, arrived) {
  const millis = arrived - Date.parse(time);
  if (Number.isNaN(millis)) return { figure: "?", unit: "no time" };
  if (millis < -5) return { figure: "?", unit: "clocks differ" };
  if (millis < 1) return { figure: "<1", unit: "ms" };
  if (millis < 10_000) return { figure: String(millis), unit: "ms" };
  return { figure: span(millis / 1000), unit: "old" };
}
