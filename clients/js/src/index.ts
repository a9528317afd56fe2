// The public API of the client: `const wb = wirebell(url, { token })`. In: the address of the
// client API, and a function that returns tokens. Out: events to handlers, emits to services, and
// the connection status. `client.ts` is the object of an app, `connection.ts` keeps the connection,
// `transport/` sends frames. It does not know tabs (`tabs.ts`) or React (`react.ts`); these build
// on it.
import { Wirebell, type EmitMap, type EventMap } from "./client.js";
import { Connection } from "./connection.js";
import { settings, type Options } from "./options.js";

/** Creates a client with its own connection. It connects at once, unless `connect` is false. */
export function wirebell<E extends EventMap<E> = Record<string, any>, S extends EmitMap<S> = Record<string, { data: any; reply: any }>>(
  url: string,
  options: Options,
): Wirebell<E, S> {
  const chosen = settings(url, options);
  return new Wirebell<E, S>(chosen.url, options, (owner) => new Connection(chosen, owner));
}

export { Wirebell } from "./client.js";
export { WirebellError } from "./errors.js";
export type { EmitMap, EventMap, Handler } from "./client.js";
export type { EmitOptions } from "./emit-queue.js";
export type { WirebellEvent } from "./frame.js";
export type { Lifecycle, Signals } from "./lifecycle.js";
export type { Off } from "./listeners.js";
export type { CursorStorage, Options } from "./options.js";
export type { ClosedReason, Status } from "./status.js";
export type { WebSocketConstructor, WebSocketLike } from "./transport/websocket.js";
