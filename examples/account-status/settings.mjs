// Settings from the environment.
const { env } = process;

export const port = Number(env.PORT ?? 3000);
// The server API of a node, or the Redis of the nodes.
export const publishTo = env.PUSH_SERVICES ?? "http://127.0.0.1:9090";
// The URL at which browsers connect to the nodes.
export const clients = env.PUSH_CLIENTS ?? "ws://127.0.0.1:8080/ws";
// The secret of this site's cookie, and the secret of the nodes' tokens.
export const secrets = { cookie: env.COOKIE_SECRET ?? "only for trying it out", push: env.PUSH_SECRET ?? "wirebell-dev-secret" };
export const hibernateAfter = Number(env.HIBERNATE_AFTER ?? 60) * 1000;
export const file = env.ACCOUNTS ?? new URL("accounts.json", import.meta.url);
