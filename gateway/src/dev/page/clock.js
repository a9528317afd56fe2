// A shared one-second timer for all countdowns, and formatting of times.
const listeners = new Set();
setInterval(() => { for (const listener of listeners) listener(Date.now()); }, 1000);

export function everySecond(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function span(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export function wallClock(millis) {
  const date = new Date(millis);
  const pad = (number, width) => String(number).padStart(width, "0");
  return `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`;
}
