// Where things are, and which rooms there are.
const { env } = process;

export const port = Number(env.PORT ?? 3000);
// The nodes' Redis.
export const redis = env.PUSH_REDIS ?? "redis://127.0.0.1:6379";
// Where browsers find the nodes.
export const clients = env.PUSH_CLIENTS ?? "http://127.0.0.1:8080";
// What signs this site's own cookie, and the tokens that nodes accept.
export const secrets = { cookie: env.COOKIE_SECRET ?? "only for trying it out", push: env.PUSH_SECRET ?? "wirebell-dev-secret" };
export const file = env.MESSAGES ?? new URL("messages.jsonl", import.meta.url);
export const rooms = ["lobby", "kitchen"];
