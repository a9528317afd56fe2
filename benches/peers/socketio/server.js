// A Socket.IO server as its documentation shows it. A middleware verifies a token, each user has a
// room, and the Redis adapter delivers what other programs emit. Settings come from the
// environment. A line on standard output says that it listens.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";

const { PORT, REDIS_URL, JWT_ALGORITHM, JWT_KEY, HEARTBEAT } = process.env;

const publisher = new Redis(REDIS_URL);
const subscriber = publisher.duplicate();
const server = createServer();
const io = new Server(server, {
  adapter: createAdapter(publisher, subscriber),
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: Number(HEARTBEAT) * 1000,
});

// Releases the first request of each connection, as the documentation on memory usage advises.
io.engine.on("connection", (raw) => {
  raw.request = null;
});

io.use((socket, next) => {
  jwt.verify(socket.handshake.auth.token, JWT_KEY, { algorithms: [JWT_ALGORITHM] }, (error, claims) => {
    if (!error) socket.data.user = claims.sub;
    next(error);
  });
});

io.on("connection", (socket) => socket.join(`user:${socket.data.user}`));

process.on("SIGTERM", () => process.exit(0));

await Promise.all([publisher.ping(), subscriber.ping()]);
server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 }, () => console.log("listening"));
