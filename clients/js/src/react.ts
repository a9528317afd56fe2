// React hooks over a client.
import {
  createContext, createElement, useCallback, useContext, useEffect, useInsertionEffect, useRef, useState, useSyncExternalStore, type ReactElement, type ReactNode,
} from "react";
import type { Wirebell } from "./client.js";
import type { WirebellEvent } from "./frame.js";
import { wirebell } from "./index.js";
import type { Options } from "./options.js";
import type { Status } from "./status.js";

const Context = createContext<Wirebell<any, any> | undefined>(undefined);
const BEFORE: Status = { state: "connecting" };

export type ProviderProps = { children?: ReactNode } & (
  | {
      /** A client made elsewhere, which is connected and closed there. */
      client: Wirebell<any, any>;
    }
  | {
      url: string;
      token: Options["token"];
      /** The others; they are read once. */
      options?: Omit<Options, "token" | "connect">;
      /** By default `wirebell` of the main entry; that of `wirebell/tabs` shares the connection between tabs. */
      make?: (url: string, options: Options) => Wirebell<any, any>;
    }
);

/** Gives the hooks below it their client. One that it makes itself connects when it is mounted, never on a server, and is closed
 *  after it is gone. */
export function WirebellProvider(props: ProviderProps): ReactElement {
  const { children } = props;
  if ("client" in props) return createElement(Context.Provider, { value: props.client }, children);
  return createElement(Own, { ...props, key: props.url });
}

function Own({ url, token, options, make = wirebell, children }: Extract<ProviderProps, { url: string }>): ReactElement {
  const latest = useLatest(token);
  const client = useState(() => make(url, { ...options, token: () => latest.current(), connect: false }))[0];
  const holders = useRef(0);
  useEffect(() => {
    holders.current++;
    client.connect();
    return () => {
      holders.current--;
      // StrictMode mounts twice: what is mounted again at once was never gone.
      setTimeout(() => { if (!holders.current) client.close(); });
    };
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

function useLatest<T>(value: T): { current: T } {
  const latest = useRef(value);
  useInsertionEffect(() => { latest.current = value; });
  return latest;
}

/** The client of the provider above. */
export function useWirebell<E extends { [T in keyof E]: any } = Record<string, any>>(): Wirebell<E, any> {
  const client = useContext(Context);
  if (!client) throw new Error("wirebell: there is no WirebellProvider above this component");
  return client as Wirebell<E, any>;
}

/** Handles events of a type for as long as the component is mounted. The newest handler is called, so it need not be memoised. */
export function useEvent<Data = any>(type: string, handler: (data: Data, event: WirebellEvent<Data>) => unknown): void {
  const client = useWirebell();
  const latest = useLatest(handler);
  useEffect(() => client.on(type, (data, event) => latest.current(data, event)), [client, type]);
}

/** Listens for a topic for as long as the component is mounted. */
export function useTopic<Data = any>(channel: `topic:${string}`, handler?: (data: Data, event: WirebellEvent<Data>) => unknown): void {
  const client = useWirebell();
  const latest = useLatest(handler);
  useEffect(() => client.subscribe(channel, (data, event) => latest.current?.(data, event)), [client, channel]);
}

/** The data of the newest retained event with this key, or of this type; `initial` until there is one, and on a server. */
export function useRetained<Data = any>(key: string): Data | undefined;
export function useRetained<Data>(key: string, initial: Data, channel?: string): Data;
export function useRetained(key: string, initial?: unknown, channel?: string): unknown {
  const client = useWirebell();
  const on = useCallback((changed: () => void) => client.onRetained(changed), [client]);
  const event = useSyncExternalStore(on, () => client.retained(key, channel), () => undefined);
  return event ? event.data : initial;
}

/** How the connection is. On a server, and until it is known, `connecting`. */
export function useStatus(): Status {
  const client = useWirebell();
  const on = useCallback((changed: () => void) => client.onStatus(changed), [client]);
  return useSyncExternalStore(on, () => client.status, () => BEFORE);
}
