// The entry `wirebell/tabs`: the same `wirebell` function, with one connection for all tabs of an
// origin and a user. In: the same options as in the main entry. Out: the same client, on a shared
// connection. `tabs/shared-connection.ts` elects the tab that connects, `tabs/leader.ts` is that
// tab's part.
import { Wirebell, type EmitMap, type EventMap } from "./client.js";
import { Connection } from "./connection.js";
import { settings, type Options } from "./options.js";
import { SharedConnection } from "./tabs/shared-connection.js";

/**
 * Creates a client that shares its connection with the other tabs. Where the browser cannot share,
 * it has its own.
 */
export function wirebell<E extends EventMap<E> = Record<string, any>, S extends EmitMap<S> = Record<string, { data: any; reply: any }>>(
  url: string,
  options: Options,
): Wirebell<E, S> {
  const chosen = settings(url, options);
  const canShare = typeof BroadcastChannel !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined;
  return new Wirebell<E, S>(chosen.url, options, (owner) => (canShare ? new SharedConnection(chosen, owner) : new Connection(chosen, owner)));
}
