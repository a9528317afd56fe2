// What an app may choose, and what stands where it chooses nothing.
import { browser, hasNetwork, type Lifecycle } from "./lifecycle.js";
import { overWebSocket, type WebSocketConstructor } from "./transport/websocket.js";
import { overEvents } from "./transport/sse.js";
import type { Transport } from "./transport/transport.js";

/** As the browser's `localStorage` has them. */
export interface CursorStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Options {
  /** A token for the user who is signed in now, or null if nobody is. Asked before each connection, and before the last token
   *  expires. What it throws is tried again. */
  token: () => Promise<string | null | undefined> | string | null | undefined;
  /** Where cursors are kept over a reload: by default the tab's `sessionStorage`; null keeps none. */
  storage?: CursorStorage | null;
  /** False: not before `connect` is called. */
  connect?: boolean;
  /** Emits that may wait for an answer or for a connection; one more is refused. By default 256. */
  emitQueue?: number;
  /** By default the global one. `null` for none. */
  WebSocket?: WebSocketConstructor | null;
  /** By default the global one; for Server-Sent Events where WebSockets do not get through. `null` for none. */
  fetch?: typeof fetch | null;
  /** Tells of sleep and of the network, where there is no page: see `Lifecycle`. */
  lifecycle?: Lifecycle;
  /** By default what `navigator.onLine` says. */
  hasNetwork?: () => boolean;
}

export interface Settings {
  url: string;
  token: Options["token"];
  transports: Transport[];
  lifecycle: Lifecycle;
  hasNetwork: () => boolean;
}

/** The address without what the client adds to it itself. */
export function address(url: string): string {
  const whole = url.startsWith("/") && typeof location !== "undefined" ? location.origin + url : url;
  // On a server a path stays one: nothing connects there.
  if (!/^((http|ws)s?:\/)?\//.test(whole)) throw new TypeError(`wirebell: expected an address like https://push.example.com, got ${url}`);
  return whole.replace(/^ws/, "http").replace(/\/(ws)?$/, "");
}

export function settings(url: string, options: Options): Settings {
  const { token, lifecycle = browser, hasNetwork: network = hasNetwork } = options;
  const { WebSocket: socket = (globalThis as any).WebSocket, fetch: ask = globalThis.fetch?.bind(globalThis) } = options;
  const transports = [...(socket ? [overWebSocket(socket)] : []), ...(ask ? [overEvents(ask)] : [])];
  if (!transports.length) throw new TypeError("wirebell: there is neither WebSocket nor fetch here; give one as an option");
  return { url: address(url), token, lifecycle, hasNetwork: network, transports };
}
