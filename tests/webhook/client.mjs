// A WebSocket client that sends requests and waits for the reply with the same `ref`.
import { once } from "node:events";
import { spawnSync } from "node:child_process";
import WebSocket from "ws";
import { BIN } from "./node.mjs";

export class Client {
  static async connect(address, user) {
    const minted = spawnSync(BIN, ["token", "--user", user, "--device", "phone"], { encoding: "utf8", env: { PATH: process.env.PATH } });
    if (minted.status !== 0) throw new Error(minted.stderr);
    const client = new Client();
    client.answers = new Map();
    client.frames = [];
    client.socket = new WebSocket(`ws://${address}/ws`, ["wirebell.v1", `wirebell.bearer.${minted.stdout.trim()}`]);
    const welcomed = new Promise((resolve) => (client.welcomed = resolve));
    client.socket.on("message", (text) => {
      const frame = JSON.parse(text);
      client.frames.push(frame);
      if (frame.type === "wirebell.welcome") client.welcomed(frame);
      client.answers.get(frame.ref)?.(frame);
    });
    await once(client.socket, "open");
    client.welcome = await welcomed;
    return client;
  }

  send(frame) {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  request(frame) {
    return new Promise((resolve) => {
      this.answers.set(JSON.parse(typeof frame === "string" ? frame : JSON.stringify(frame)).ref, resolve);
      this.send(frame);
    });
  }

  close() {
    this.socket.terminate();
  }
}
