// A WebSocket client, built on the package `ws`.
import WebSocket from "ws";

import { FrameQueue } from "../frame-queue.mjs";

export const name = "websocket";
export const metricsLabel = "websocket";

export class Client {
  static async connect(gateway, token, { cursor, origin } = {}) {
    const client = new Client();
    const query = cursor ? `?cursor=${cursor}` : "";
    client.frames = new FrameQueue();
    client.socket = new WebSocket(`ws://${gateway.clients}/ws${query}`, ["wirebell.v1"], { origin, headers: { authorization: `Bearer ${token}` } });
    client.ended = new Promise((resolve) => {
      client.socket.on("close", (code) => resolve({ code }));
      client.socket.on("unexpected-response", (_, response) => resolve({ status: response.statusCode }));
      client.socket.on("error", () => {});
    });
    client.socket.on("message", (text) => client.frames.put(JSON.parse(text)));
    return client;
  }

  // Sends a request and returns the data of its reply, or the error.
  async request(type, members = {}) {
    const ref = String((this.refs = (this.refs ?? 0) + 1));
    this.socket.send(JSON.stringify({ type, ref, ...members }));
    const reply = await this.frames.next((frame) => frame.ref === ref, `reply to ${type}`);
    return reply.type === "wirebell.error" ? { error: reply } : reply.data;
  }

  acknowledge(event) {
    this.socket.send(JSON.stringify({ type: "wirebell.ack", channel: event.channel, cursor: event.cursor }));
  }

  pauseReading() {
    this.socket._socket.pause();
  }

  resumeReading() {
    this.socket._socket.resume();
  }

  close() {
    this.socket.terminate();
  }
}
