// Settings from the environment, and the rooms.
const { env } = process;

export const port = Number(env.PORT ?? 3000);
// The Redis of the nodes.
export const redis = env.PUSH_REDIS ?? "redis://127.0.0.1:6379";
// The URL at which browsers connect to the nodes.
export const clients = env.PUSH_CLIENTS ?? "http://127.0.0.1:8080";
// The secret of this site's cookie, and the secret of the nodes' tokens.
export const secrets = { cookie: env.COOKIE_SECRET ?? "only for trying it out", push: env.PUSH_SECRET ?? "wirebell-dev-secret" };
export const file = env.MESSAGES ?? new URL("messages.jsonl", import.meta.url);
export const rooms = ["lobby", "kitchen"];
