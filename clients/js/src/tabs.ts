// `wirebell` as it is in the main entry, with one connection for all tabs of this origin in which the same user is signed in.
import { Wirebell, type EmitMap, type EventMap } from "./client.js";
import { Connection } from "./connection.js";
import { settings, type Options } from "./options.js";
import { SharedLine } from "./tabs/shared.js";

/** A client that shares its connection with the other tabs; one of its own where the browser cannot share. */
export function wirebell<E extends EventMap<E> = Record<string, any>, S extends EmitMap<S> = Record<string, { data: any; reply: any }>>(
  url: string,
  options: Options,
): Wirebell<E, S> {
  const chosen = settings(url, options);
  const canShare = typeof BroadcastChannel !== "undefined" && typeof navigator !== "undefined" && navigator.locks !== undefined;
  return new Wirebell<E, S>(chosen.url, options, (upper) => (canShare ? new SharedLine(chosen, upper) : new Connection(chosen, upper)));
}
