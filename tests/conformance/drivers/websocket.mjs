// A client of the WebSocket, by the package `ws`.
import WebSocket from "ws";

import { Inbox } from "../inbox.mjs";

export const name = "websocket";
export const label = "websocket";

export class Client {
  static async connect(gateway, token, { cursor, origin } = {}) {
    const client = new Client();
    const query = cursor ? `?cursor=${cursor}` : "";
    client.inbox = new Inbox();
    client.socket = new WebSocket(`ws://${gateway.clients}/ws${query}`, ["wirebell.v1"], { origin, headers: { authorization: `Bearer ${token}` } });
    client.ended = new Promise((resolve) => {
      client.socket.on("close", (code) => resolve({ code }));
      client.socket.on("unexpected-response", (_, response) => resolve({ status: response.statusCode }));
      client.socket.on("error", () => {});
    });
    client.socket.on("message", (text) => client.inbox.put(JSON.parse(text)));
    return client;
  }

  // Asks, and gives the answer: its data, or its error.
  async ask(type, members = {}) {
    const ref = String((this.refs = (this.refs ?? 0) + 1));
    this.socket.send(JSON.stringify({ type, ref, ...members }));
    const answer = await this.inbox.next((frame) => frame.ref === ref, `answer to ${type}`);
    return answer.type === "wirebell.error" ? { error: answer } : answer.data;
  }

  acknowledge(event) {
    this.socket.send(JSON.stringify({ type: "wirebell.ack", channel: event.channel, cursor: event.cursor }));
  }

  hold() {
    this.socket._socket.pause();
  }

  release() {
    this.socket._socket.resume();
  }

  close() {
    this.socket.terminate();
  }
}
