// Where things are, and how long a payment takes.
const { env } = process;

export const port = Number(env.PORT ?? 3000);
// The services' door of a node, or the nodes' Redis.
export const publishTo = env.PUSH_SERVICES ?? "http://127.0.0.1:9090";
// Where browsers find the nodes.
export const clients = env.PUSH_CLIENTS ?? "http://127.0.0.1:8080";
// What signs this site's own cookie, and the tokens that nodes accept.
export const secrets = { cookie: env.COOKIE_SECRET ?? "only for trying it out", push: env.PUSH_SECRET ?? "wirebell-dev-secret" };
export const takes = Number(env.PAYMENT_TAKES ?? 10) * 1000;
