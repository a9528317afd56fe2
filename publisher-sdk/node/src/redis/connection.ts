// One connection to one Redis. The only file that names `@redis/client`.
//
// It ends with its socket and never comes back by itself: what was on its way is in doubt then, and only those who sent it
// know what to make of that. So the client's own reconnecting and its queue for worse times are turned off.

import { isIP } from "node:net";
import { ErrorReply, createClient } from "@redis/client";
import { Failure } from "../failure.js";
import { TIMEOUT, withDeadline } from "../retry.js";
import { type Address, name } from "./slots.js";
import { judge } from "./error-reply.js";

/** How to connect to a server, whatever its address. */
export interface ConnectionOptions {
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

/** What Redis answered to one command; an error of its own is a failure. */
export type Reply = string | number | null | Failure | Reply[];

type Client = ReturnType<typeof clientOf>;

/** An open connection. */
export class Connection {
  readonly #client: Client;
  #busy = 0;
  #retired = false;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Opens one; what goes wrong on the way is never an event's fault. */
  static async open(address: Address, manner: ConnectionOptions, timeout: number): Promise<Connection | Failure> {
    const client = clientOf(address, manner, timeout);
    // Whoever waits for an answer is told; without a listener the process would end.
    let cause: Error | undefined;
    client.on("error", (error: Error) => (cause ??= error));
    const opened = client.connect().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    const error = await withDeadline(Date.now() + timeout, opened);
    if (error === undefined) return new Connection(client);
    client.destroy();
    if (error === TIMEOUT) return Failure.unavailable(`no connection to Redis at ${name(address)} within ${timeout} ms`);
    if (error instanceof ErrorReply) return judge(withoutSecrets(error.message)).asConfiguration();
    return Failure.unavailable(`no connection to Redis at ${name(address)}: ${(cause ?? error).message}`);
  }

  /** Is it still of use? */
  get isAlive(): boolean {
    return this.#client.isReady;
  }

  /** Runs commands in their order, as one pipeline. A failure is the connection's, which is of no use any more then. */
  async run(commands: readonly (readonly string[])[], timeout: number): Promise<Reply[] | Failure> {
    this.#hold();
    const sent = commands.map((command) => this.#client.sendCommand(command as string[]).catch((error: unknown) => error));
    const replies = await withDeadline(Date.now() + timeout, Promise.all(sent));
    this.#release();
    if (replies === TIMEOUT) {
      this.close();
      return Failure.timedOut(timeout).withReconnect();
    }
    const broken = replies.find((reply) => reply instanceof Error && !(reply instanceof ErrorReply)) as Error | undefined;
    if (broken === undefined) return replies.map(read);
    this.close();
    return Failure.unavailable(`the connection to Redis broke: ${broken.message}`).withReconnect();
  }

  /** Ends it once nothing is on its way any more. */
  retire(): void {
    this.#retired = true;
    if (this.#busy === 0) this.close();
  }

  /** Ends it. What is on its way fails. */
  close(): void {
    this.#client.destroy();
  }

  // A connection that nobody waits for does not keep the process from ending.
  #hold(): void {
    if (this.#busy++ === 0) this.#client.ref();
  }

  #release(): void {
    if (--this.#busy > 0) return;
    if (this.#retired) this.close();
    else this.#client.unref();
  }
}

function clientOf(address: Address, manner: ConnectionOptions, timeout: number) {
  return createClient({
    RESP: 2,
    socket: {
      host: address.host,
      port: address.port,
      connectTimeout: timeout,
      reconnectStrategy: false,
      ...(manner.tls ? { tls: true as const, ...(isIP(address.host) === 0 ? { servername: address.host } : {}) } : {}),
    },
    ...(manner.username === undefined ? {} : { username: manner.username }),
    ...(manner.password === undefined ? {} : { password: manner.password }),
    ...(manner.database === 0 ? {} : { database: manner.database }),
    clientInfoTag: "wirebell-publisher",
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // Whole pipelines are timed here; a timer for each command would be one too many.
    commandOptions: { timeout: 0 },
  });
}

function read(reply: unknown): Reply {
  if (reply instanceof Error) return judge(reply.message);
  return Array.isArray(reply) ? reply.map(read) : (reply as Reply);
}

// Redis repeats the arguments of a command that it does not know, and `AUTH` is one to very old ones.
function withoutSecrets(message: string): string {
  return message.replace(/, with args beginning with:.*$/s, "");
}
