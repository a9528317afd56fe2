// Starts a real node on free ports, which it reads from its log, and stops it by its process id.
// Connects clients to it.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { ROOT } from "./package.mjs";

const BIN = process.env.WIREBELL_BIN ?? join(ROOT, "target/release/wirebell");
const SECRET = "a secret for tests that is long enough";
export const KEY = "an-api-key-for-tests";

export class Gateway {
  // `settings` are configuration keys, as for `--set`.
  static async start(redis, settings = {}) {
    const sets = Object.entries({ "telemetry.log_format": "json", ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const listen = ["--clients-listen", "127.0.0.1:0", ...(settings["services.listen"] ? [] : ["--services-listen", "127.0.0.1:0"])];
    // A node rejects unknown environment variables with its prefix.
    const env = { PATH: process.env.PATH, WIREBELL_AUTH_SECRET: SECRET, WIREBELL_SERVICES_KEYS: KEY };
    const child = spawn(BIN, ["serve", "--redis", redis.url, ...listen, ...sets], { stdio: ["ignore", "ignore", "pipe"], env });
    const end = () => child.kill("SIGKILL");
    process.on("exit", end);
    const gateway = new Gateway();
    const ended = once(child, "exit").then(() => process.off("exit", end));
    gateway.stop = () => (child.kill("SIGKILL"), ended);
    const log = [];
    await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => reject(new Error(`the node ended with ${code}:\n${log.join("\n")}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        const fields = line.startsWith("{") ? JSON.parse(line).fields : undefined;
        if (fields?.message !== "listening") return;
        Object.assign(gateway, { clients: fields.clients, services: fields.services });
        resolve();
      });
    });
    return gateway;
  }

  get url() {
    return `http://${this.services}`;
  }

  // Connects a client and waits for its welcome. `acknowledges` says whether it acknowledges events
  // that request it.
  async client(user, { device = "phone", acknowledges = true, emit } = {}) {
    const socket = new WebSocket(`ws://${this.clients}/ws`, ["wirebell.v1", `wirebell.bearer.${token(user, device, emit)}`]);
    return new Client(socket, acknowledges).welcome();
  }
}

class Client {
  #texts = [];
  #waiting = [];

  constructor(socket, acknowledges) {
    this.socket = socket;
    socket.on("message", (bytes) => {
      const text = bytes.toString();
      const frame = JSON.parse(text);
      if (frame.ack && acknowledges) socket.send(JSON.stringify({ type: "wirebell.ack", channel: frame.channel, cursor: frame.cursor }));
      this.#texts.push(text);
      this.#waiting.splice(0).forEach((resolve) => resolve());
    });
  }

  async welcome() {
    await this.next("wirebell.welcome");
    return this;
  }

  // Returns the text of the next frame of the type.
  next(type) {
    return this.nextThat((frame) => frame.type === type);
  }

  // Returns the text of the next matching frame.
  async nextThat(fits) {
    for (;;) {
      const at = this.#texts.findIndex((text) => fits(JSON.parse(text)));
      if (at >= 0) return this.#texts.splice(at, 1)[0];
      await new Promise((resolve, reject) => {
        this.#waiting.push(resolve);
        this.socket.once("close", (code) => reject(new Error(`closed with ${code}`)));
        this.socket.once("error", reject);
      });
    }
  }

  // Emits an event, with `data` as JSON.
  emit(type, data, more = {}) {
    const rest = Object.entries(more).map(([name, value]) => `,"${name}":${JSON.stringify(value)}`).join("");
    this.socket.send(`{"type":"${type}","data":${data}${rest}}`);
  }

  // Returns all replies so far to the emit with this `ref`.
  answers(ref) {
    return this.#texts.map((text) => JSON.parse(text)).filter((frame) => frame.ref === ref);
  }

  // Returns the reply to the emit with this `ref`.
  async answer(ref) {
    return JSON.parse(await this.nextThat((frame) => frame.ref === ref));
  }

  close() {
    this.socket.close();
  }
}

function token(user, device, emit) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, device, emit, iat: now, exp: now + 600 })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
