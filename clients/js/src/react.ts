// React hooks for a client.
import {
  createContext, createElement, useCallback, useContext, useEffect, useInsertionEffect, useRef, useState, useSyncExternalStore, type ReactElement, type ReactNode,
} from "react";
import type { Wirebell } from "./client.js";
import type { WirebellEvent } from "./frame.js";
import { wirebell } from "./index.js";
import type { Options } from "./options.js";
import type { Status } from "./status.js";

const Context = createContext<Wirebell<any, any> | undefined>(undefined);
const INITIAL: Status = { state: "connecting" };

/** The properties of the provider: a client, or what is needed to create one. */
export type ProviderProps = { children?: ReactNode } & (
  | {
      /** An existing client. The provider neither connects nor closes it. */
      client: Wirebell<any, any>;
    }
  | {
      url: string;
      token: Options["token"];
      /** Other options; they are read once. */
      options?: Omit<Options, "token" | "connect">;
      /**
       * Creates the client. Default: `wirebell` of the main entry; that of `wirebell/tabs` shares
       * the connection between tabs.
       */
      make?: (url: string, options: Options) => Wirebell<any, any>;
    }
);

/**
 * Provides the client to the hooks below it. A client that it creates connects on mount, never on a
 * server, and is closed after unmount.
 */
export function WirebellProvider(props: ProviderProps): ReactElement {
  const { children } = props;
  if ("client" in props) return createElement(Context.Provider, { value: props.client }, children);
  return createElement(OwnClient, { ...props, key: props.url });
}

function OwnClient({ url, token, options, make = wirebell, children }: Extract<ProviderProps, { url: string }>): ReactElement {
  const latest = useLatest(token);
  const client = useState(() => make(url, { ...options, token: () => latest.current(), connect: false }))[0];
  const holders = useRef(0);
  useEffect(() => {
    holders.current++;
    client.connect();
    return () => {
      holders.current--;
      // StrictMode mounts twice: after an immediate second mount, the client stays open.
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

/** Returns the client of the nearest provider. */
export function useWirebell<E extends { [T in keyof E]: any } = Record<string, any>>(): Wirebell<E, any> {
  const client = useContext(Context);
  if (!client) throw new Error("wirebell: this component is not inside a WirebellProvider");
  return client as Wirebell<E, any>;
}

/**
 * Handles events of a type while the component is mounted. The latest handler is called, so it need
 * not be memoized.
 */
export function useEvent<Data = any>(type: string, handler: (data: Data, event: WirebellEvent<Data>) => unknown): void {
  const client = useWirebell();
  const latest = useLatest(handler);
  useEffect(() => client.on(type, (data, event) => latest.current(data, event)), [client, type]);
}

/** Subscribes to a topic while the component is mounted. */
export function useTopic<Data = any>(channel: `topic:${string}`, handler?: (data: Data, event: WirebellEvent<Data>) => unknown): void {
  const client = useWirebell();
  const latest = useLatest(handler);
  useEffect(() => client.subscribe(channel, (data, event) => latest.current?.(data, event)), [client, channel]);
}

/**
 * Returns the data of the newest retained event with this key or type; `initial` until there is
 * one, and on a server.
 */
export function useRetained<Data = any>(key: string): Data | undefined;
export function useRetained<Data>(key: string, initial: Data, channel?: string): Data;
export function useRetained(key: string, initial?: unknown, channel?: string): unknown {
  const client = useWirebell();
  const on = useCallback((changed: () => void) => client.onRetained(changed), [client]);
  const event = useSyncExternalStore(on, () => client.retained(key, channel), () => undefined);
  return event ? event.data : initial;
}

/** Returns the connection status. On a server, and until it is known, it is `connecting`. */
export function useStatus(): Status {
  const client = useWirebell();
  const on = useCallback((changed: () => void) => client.onStatus(changed), [client]);
  return useSyncExternalStore(on, () => client.status, () => INITIAL);
}
