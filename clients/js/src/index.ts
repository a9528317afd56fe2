// The Wirebell client: `const wb = wirebell(url, { token })`.
import { Wirebell, type EmitMap, type EventMap } from "./client.js";
import { Connection } from "./connection.js";
import { settings, type Options } from "./options.js";

/** A client with a connection of its own. It connects at once, unless `connect` is false. */
export function wirebell<E extends EventMap<E> = Record<string, any>, S extends EmitMap<S> = Record<string, { data: any; reply: any }>>(
  url: string,
  options: Options,
): Wirebell<E, S> {
  const chosen = settings(url, options);
  return new Wirebell<E, S>(chosen.url, options, (upper) => new Connection(chosen, upper));
}

export { Wirebell } from "./client.js";
export { WirebellError } from "./errors.js";
export type { EmitMap, EventMap, Handler } from "./client.js";
export type { EmitOptions } from "./emits.js";
export type { WirebellEvent } from "./frame.js";
export type { Lifecycle, Signals } from "./lifecycle.js";
export type { Off } from "./listeners.js";
export type { CursorStorage, Options } from "./options.js";
export type { ClosedReason, Status } from "./status.js";
export type { WebSocketConstructor, WebSocketLike } from "./transport/websocket.js";
