// The connection status, for a user interface.

/** Why the client stopped. It stays stopped until `connect` is called. */
export type ClosedReason =
  /** `close` was called. */
  | "closed"
  /** `token` returned null: no user is signed in. */
  | "no_token"
  /** `token` returned the token of another user. */
  | "user_changed"
  /** The node rejects this user (4403). */
  | "forbidden"
  /** Another connection replaced this one (4409). */
  | "replaced"
  /** The node could not read the frames of this client (1008). */
  | "refused";

/** The connection status. */
export type Status =
  /** A connection is being opened. */
  | { readonly state: "connecting" }
  /** Connected as this user. `connection` is the id in the channel `conn:<id>`. */
  | { readonly state: "online"; readonly connection: string; readonly user: string; readonly device: string | undefined; readonly transport: string }
  /** The device reports that it has no network. */
  | { readonly state: "offline"; readonly retryAt: number }
  /** The next attempt is at `retryAt`, in milliseconds since the Unix epoch. */
  | { readonly state: "waiting"; readonly retryAt: number; readonly reason: "connection" | "token"; readonly message: string }
  | { readonly state: "closed"; readonly reason: ClosedReason; readonly message: string };
