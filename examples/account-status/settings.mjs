// Where things are, and how long an account stays awake.
const { env } = process;

export const port = Number(env.PORT ?? 3000);
// The services' door of a node, or the nodes' Redis.
export const publishTo = env.PUSH_SERVICES ?? "http://127.0.0.1:9090";
// Where browsers find the nodes.
export const clients = env.PUSH_CLIENTS ?? "ws://127.0.0.1:8080/ws";
// What signs this site's own cookie, and the tokens that nodes accept.
export const secrets = { cookie: env.COOKIE_SECRET ?? "only for trying it out", push: env.PUSH_SECRET ?? "wirebell-dev-secret" };
export const hibernateAfter = Number(env.HIBERNATE_AFTER ?? 60) * 1000;
export const file = env.ACCOUNTS ?? new URL("accounts.json", import.meta.url);
