// The options of a client, and their default values.
import { pageLifecycle, hasNetwork, type Lifecycle } from "./lifecycle.js";
import { webSocketTransport, type WebSocketConstructor } from "./transport/websocket.js";
import { sseTransport } from "./transport/sse.js";
import type { Transport } from "./transport/transport.js";

/** The methods of the browser's `localStorage`. */
export interface CursorStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The options of a client. */
export interface Options {
  /**
   * Returns a token for the signed-in user, or null if no user is signed in. Called before each
   * connection, and before the last token expires. If it throws, it is called again later.
   */
  token: () => Promise<string | null | undefined> | string | null | undefined;
  /** Stores cursors over a reload. Default: the tab's `sessionStorage`; null stores none. */
  storage?: CursorStorage | null;
  /** False: the client connects only when `connect` is called. */
  connect?: boolean;
  /** Most emits that wait for a reply or a connection; further ones are rejected. Default: 256. */
  emitQueue?: number;
  /** Default: the global one; null disables WebSockets. */
  WebSocket?: WebSocketConstructor | null;
  /**
   * Default: the global one; null disables Server-Sent Events, the fallback for blocked WebSockets.
   */
  fetch?: typeof fetch | null;
  /** Signals of the environment, for apps without a page. Default: the events of the page. */
  lifecycle?: Lifecycle;
  /** Default: `navigator.onLine`. */
  hasNetwork?: () => boolean;
}

/** The options with default values filled in. */
export interface Settings {
  url: string;
  token: Options["token"];
  transports: Transport[];
  lifecycle: Lifecycle;
  hasNetwork: () => boolean;
}

/** Returns the address without the parts that the client adds. */
export function address(url: string): string {
  const whole = url.startsWith("/") && typeof location !== "undefined" ? location.origin + url : url;
  // On a server a relative path stays as it is, because nothing connects there.
  if (!/^((http|ws)s?:\/)?\//.test(whole)) throw new TypeError(`wirebell: expected an address like https://push.example.com, got ${url}`);
  return whole.replace(/^ws/, "http").replace(/\/(ws)?$/, "");
}

export function settings(url: string, options: Options): Settings {
  const { token, lifecycle = pageLifecycle, hasNetwork: network = hasNetwork } = options;
  const { WebSocket: socket = (globalThis as any).WebSocket, fetch: request = globalThis.fetch?.bind(globalThis) } = options;
  const transports = [...(socket ? [webSocketTransport(socket)] : []), ...(request ? [sseTransport(request)] : [])];
  if (!transports.length) throw new TypeError("wirebell: this environment has neither WebSocket nor fetch; pass one as an option");
  return { url: address(url), token, lifecycle, hasNetwork: network, transports };
}
