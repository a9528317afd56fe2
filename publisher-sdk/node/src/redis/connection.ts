// One connection to one Redis server. The only file that imports `@redis/client`.
//
// A connection ends with its socket and never reconnects: the state of commands in flight is then
// unknown, and only their callers can decide what to do. So the client's reconnect and its offline
// queue are disabled.

import { isIP } from "node:net";
import { ErrorReply, createClient } from "@redis/client";
import { Failure } from "../failure.js";
import { TIMEOUT, withDeadline } from "../retry.js";
import { failureOf } from "./error-reply.js";
import { type Address, name } from "./slots.js";

/** How to connect to a server at any address. */
export interface ConnectionOptions {
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

/** The reply of Redis to one command; an error reply is a failure. */
export type Reply = string | number | null | Failure | Reply[];

type Client = ReturnType<typeof clientFor>;

/** An open connection. */
export class Connection {
  readonly #client: Client;
  #busy = 0;
  #retired = false;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Opens a connection. A failure is never an event's error. */
  static async open(address: Address, options: ConnectionOptions, timeout: number): Promise<Connection | Failure> {
    const client = clientFor(address, options, timeout);
    // Callers get errors with their replies. Without this listener, Node.js would end the process.
    let cause: Error | undefined;
    client.on("error", (error: Error) => (cause ??= error));
    const opened = client.connect().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    const error = await withDeadline(Date.now() + timeout, opened);
    if (error === undefined) return new Connection(client);
    client.destroy();
    if (error === TIMEOUT) return Failure.unavailable(`cannot connect to Redis at ${name(address)} within ${timeout} ms`);
    if (error instanceof ErrorReply) return failureOf(withoutSecrets(error.message)).asConfiguration();
    return Failure.unavailable(`cannot connect to Redis at ${name(address)}: ${(cause ?? error).message}`);
  }

  /** Whether the connection is usable. */
  get isAlive(): boolean {
    return this.#client.isReady;
  }

  /**
   * Runs commands in order, as one pipeline. A returned failure means that the connection is
   * unusable.
   */
  async run(commands: readonly (readonly string[])[], timeout: number): Promise<Reply[] | Failure> {
    this.#begin();
    const sent = commands.map((command) => this.#client.sendCommand(command as string[]).catch((error: unknown) => error));
    const replies = await withDeadline(Date.now() + timeout, Promise.all(sent));
    this.#end();
    if (replies === TIMEOUT) {
      this.close();
      return Failure.timedOut(timeout).withReconnect();
    }
    const broken = replies.find((reply) => reply instanceof Error && !(reply instanceof ErrorReply)) as Error | undefined;
    if (broken === undefined) return replies.map(read);
    this.close();
    return Failure.unavailable(`the connection to Redis broke: ${broken.message}`).withReconnect();
  }

  /** Closes the connection after the commands in flight. */
  retire(): void {
    this.#retired = true;
    if (this.#busy === 0) this.close();
  }

  /** Closes the connection. Commands in flight fail. */
  close(): void {
    this.#client.destroy();
  }

  // An idle connection does not keep the process alive.
  #begin(): void {
    if (this.#busy++ === 0) this.#client.ref();
  }

  #end(): void {
    if (--this.#busy > 0) return;
    if (this.#retired) this.close();
    else this.#client.unref();
  }
}

function clientFor(address: Address, options: ConnectionOptions, timeout: number) {
  return createClient({
    RESP: 2,
    socket: {
      host: address.host,
      port: address.port,
      connectTimeout: timeout,
      reconnectStrategy: false,
      ...(options.tls ? { tls: true as const, ...(isIP(address.host) === 0 ? { servername: address.host } : {}) } : {}),
    },
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.database === 0 ? {} : { database: options.database }),
    clientInfoTag: "wirebell-publisher",
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // A pipeline has one timeout; a timer for each command is not needed.
    commandOptions: { timeout: 0 },
  });
}

function read(reply: unknown): Reply {
  if (reply instanceof Error) return failureOf(reply.message);
  return Array.isArray(reply) ? reply.map(read) : (reply as Reply);
}

// An unknown-command error repeats the arguments, and `AUTH` is unknown to very old servers.
function withoutSecrets(message: string): string {
  return message.replace(/, with args beginning with:.*$/s, "");
}
