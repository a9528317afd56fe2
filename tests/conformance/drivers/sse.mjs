// A client of Server-Sent Events, built on the package `eventsource`, which follows the browsers'
// EventSource. Client frames are sent with fetch.
import { EventSource } from "eventsource";

import { FrameQueue } from "../frame-queue.mjs";

export const name = "sse";
export const metricsLabel = "sse";

// The event types that this suite publishes. An EventSource delivers no others.
const TYPES = ["tick", "paid", "news", "late", "open-to-all"];
const FRAME_TYPES = ["welcome", "reply", "error", "gap", "expiring", "reconnect", "close"].map((type) => `wirebell.${type}`);

export class Client {
  static async connect(gateway, token, { cursor, origin } = {}) {
    const client = new Client();
    Object.assign(client, { gateway, token, frames: new FrameQueue(), open: Promise.resolve() });
    const query = new URLSearchParams({ access_token: token, ...(cursor && { cursor }) });
    let end;
    client.ended = new Promise((resolve) => (end = resolve));
    const fetchAs = async (url, init) => {
      const headers = origin ? { ...init.headers, origin } : init.headers;
      const response = await fetch(url, { ...init, headers, mode: "same-origin" });
      if (!response.ok) end({ status: response.status, problem: await response.json() });
      return response.ok ? Object.defineProperty(new Response(client.#throttled(response.body), response), "url", { value: response.url }) : response;
    };
    client.source = new EventSource(`http://${gateway.clients}/events?${query}`, { fetch: fetchAs });
    for (const type of [...TYPES, ...FRAME_TYPES]) {
      client.source.addEventListener(type, (event) => {
        const frame = JSON.parse(event.data);
        client.frames.put({ ...frame, lastEventId: event.lastEventId });
        client.connection = frame.connection ?? client.connection;
        // An EventSource would reconnect now; this client must not.
        if (type === "wirebell.close") {
          client.source.close();
          end({ code: frame.code });
        }
      });
    }
    return client;
  }

  #throttled(body) {
    const gate = new TransformStream({ transform: async (chunk, out) => { await this.open; out.enqueue(chunk); } }, { highWaterMark: 1 }, { highWaterMark: 1 });
    return body.pipeThrough(gate);
  }

  post(frame) {
    return fetch(`http://${this.gateway.clients}/events/${this.connection}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}` },
      body: JSON.stringify(frame),
    });
  }

  async request(type, members = {}) {
    const ref = String((this.refs = (this.refs ?? 0) + 1));
    const { status } = await this.post({ type, ref, ...members });
    if (status !== 202) throw new Error(`POST of ${type} got status ${status}`);
    const reply = await this.frames.next((frame) => frame.ref === ref, `reply to ${type}`);
    return reply.type === "wirebell.error" ? { error: reply } : reply.data;
  }

  acknowledge(event) {
    return this.post({ type: "wirebell.ack", channel: event.channel, cursor: event.cursor });
  }

  pauseReading() {
    this.open = new Promise((resolve) => (this.resumeReading = resolve));
  }

  close() {
    this.source.close();
  }
}
