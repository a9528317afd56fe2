// A WebSocket client that uses plain frames or CloudEvents, and helpers to publish events.
import { HTTP } from "cloudevents";
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import WebSocket from "ws";

export { Gateway } from "../e2e/gateway.mjs";

// The secret of `wirebell dev`. Its tokens are valid on development nodes only.
const SECRET = "wirebell-dev-secret";

export function token(user, claims = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, device: "phone", exp: now + 600, ...claims })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

// Returns the CloudEvent of a text frame, as the SDK reads and validates it.
export const read = (text) => {
  const event = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: text });
  event.validate();
  return event;
};

export class Client {
  #frames = [];
  #waiting = [];

  static plain(gateway, user) {
    return Client.open(gateway, { offers: ["wirebell.v1", `wirebell.bearer.${token(user)}`], parse: JSON.parse });
  }

  static cloudevents(gateway, user, { query = "", claims } = {}) {
    return Client.open(gateway, { offers: ["cloudevents.json", `wirebell.bearer.${token(user, claims)}`], query });
  }

  static async open(gateway, { offers, query = "", parse = read, headers, waitForWelcome = true }) {
    const client = new Client();
    client.socket = new WebSocket(`ws://${gateway.clients}/ws${query}`, offers, { headers });
    client.closed = new Promise((resolve) => client.socket.once("close", (code) => resolve(code)));
    client.socket.on("message", (bytes, isBinary) => {
      if (isBinary) throw new Error("a binary frame");
      client.#frames.push(parse(bytes.toString()));
      client.#waiting.splice(0).forEach((wake) => wake());
    });
    await new Promise((resolve, reject) => client.socket.once("open", resolve).once("error", reject));
    if (waitForWelcome) client.welcome = await client.next("wirebell.welcome");
    return client;
  }

  // Returns the next frame of this type.
  async next(type) {
    for (;;) {
      const at = this.#frames.findIndex((frame) => frame.type === type);
      if (at >= 0) return this.#frames.splice(at, 1)[0];
      await new Promise((resolve, reject) => {
        this.#waiting.push(resolve);
        this.socket.once("close", (code) => reject(new Error(`closed with ${code} before ${type}`)));
      });
    }
  }

  send(event) {
    this.socket.send(typeof event === "string" ? event : event.toString());
  }

  close() {
    this.socket.close();
  }
}

export async function post(gateway, { headers, body }) {
  const response = await fetch(`http://${gateway.services}/v1/events`, { method: "POST", headers, body });
  return { status: response.status, result: await response.json() };
}

// Runs a program of this folder with the Python that has the SDK. Returns its lines of JSON.
export async function python(program, ...args) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { stdout } = await promisify(execFile)(process.env.PYTHON ?? "python3", [path, ...args]);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}
