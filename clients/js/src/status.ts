// How the connection is, for people to see.

/** Why the client stopped, and does not come back until `connect` is called. */
export type ClosedReason =
  /** `close` was called. */
  | "closed"
  /** `token` gave null: nobody is signed in. */
  | "no_token"
  /** `token` gave the token of another user. */
  | "user_changed"
  /** The node does not admit this user, or no longer (4403). */
  | "forbidden"
  /** Another connection has taken this one's place (4409). */
  | "replaced"
  /** The node understood nothing of what was sent (1008). */
  | "refused";

export type Status =
  /** A connection is being made. */
  | { readonly state: "connecting" }
  /** Connected, as this user; `connection` is what `conn:<id>` takes. */
  | { readonly state: "online"; readonly connection: string; readonly user: string; readonly device: string | undefined; readonly transport: string }
  /** The device says that it has no network. */
  | { readonly state: "offline"; readonly retryAt: number }
  /** The next try is at `retryAt` (milliseconds since 1970). */
  | { readonly state: "waiting"; readonly retryAt: number; readonly reason: "connection" | "token"; readonly message: string }
  | { readonly state: "closed"; readonly reason: ClosedReason; readonly message: string };
