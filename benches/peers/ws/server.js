// A push server that combines what the documentation of ws shows. Tokens are checked before the
// upgrade, each user has a Redis channel, and pings detect broken connections. Settings come from
// the environment. A line on standard output says that it listens.
import { createServer } from "node:http";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";
import { WebSocket, WebSocketServer } from "ws";

const { PORT, REDIS_URL, JWT_ALGORITHM, JWT_KEY, HEARTBEAT } = process.env;
const allClients = "all";

const subscriber = new Redis(REDIS_URL);
const sockets = new Map();
const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, skipUTF8Validation: true });

// Buffers pass from Redis to the sockets unchanged: a string would be decoded once and encoded
// again for each client.
subscriber.on("messageBuffer", (channel, message) => {
  const name = channel.toString();
  const targets = name === allClients ? wss.clients : (sockets.get(name) ?? []);
  for (const ws of targets) {
    if (ws.readyState === WebSocket.OPEN) ws.send(message, { binary: false });
  }
});

// Resolves once Redis has confirmed the subscription, so that an accepted client misses nothing.
async function listen(channel) {
  if (sockets.has(channel)) return;
  sockets.set(channel, new Set());
  await subscriber.subscribe(channel);
}

function leave(ws, channel) {
  const others = sockets.get(channel);
  others.delete(ws);
  if (others.size > 0) return;
  sockets.delete(channel);
  subscriber.unsubscribe(channel);
}

function alive() {
  this.isAlive = true;
}

wss.on("connection", (ws, channel) => {
  ws.isAlive = true;
  ws.on("pong", alive);
  ws.on("error", () => {});
  ws.on("close", () => leave(ws, channel));
  sockets.get(channel).add(ws);
});

setInterval(() => {
  for (const ws of wss.clients) {
    if (!ws.isAlive) {
      ws.terminate();
      continue;
    }
    ws.isAlive = false;
    ws.ping();
  }
}, Number(HEARTBEAT) * 1000);

const server = createServer((_, response) => response.writeHead(404).end());

server.on("upgrade", (request, socket, head) => {
  const token = request.headers.authorization?.slice("Bearer ".length);
  jwt.verify(token, JWT_KEY, { algorithms: [JWT_ALGORITHM] }, async (error, claims) => {
    if (error) {
      socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      return;
    }
    const channel = `user:${claims.sub}`;
    await listen(channel);
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit("connection", ws, channel));
  });
});

process.on("SIGTERM", () => process.exit(0));

await subscriber.subscribe(allClients);
server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 }, () => console.log("listening"));
