// A client of Server-Sent Events, by the package `eventsource`, which behaves as a browser's. What it says goes by fetch.
import { EventSource } from "eventsource";

import { Inbox } from "../inbox.mjs";

export const name = "sse";
export const label = "sse";

// Types that this suite publishes; an EventSource hears of no others.
const TYPES = ["tick", "paid", "news", "late", "open-to-all"];
const OWN = ["welcome", "reply", "error", "gap", "expiring", "reconnect", "close"].map((type) => `wirebell.${type}`);

export class Client {
  static async connect(gateway, token, { cursor, origin } = {}) {
    const client = new Client();
    Object.assign(client, { gateway, token, inbox: new Inbox(), open: Promise.resolve() });
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
    for (const type of [...TYPES, ...OWN]) {
      client.source.addEventListener(type, (event) => {
        const frame = JSON.parse(event.data);
        client.inbox.put({ ...frame, lastEventId: event.lastEventId });
        client.connection = frame.connection ?? client.connection;
        // What a browser does next is come back; this client is to stay away.
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

  async ask(type, members = {}) {
    const ref = String((this.refs = (this.refs ?? 0) + 1));
    const { status } = await this.post({ type, ref, ...members });
    if (status !== 202) throw new Error(`answered by ${status}`);
    const answer = await this.inbox.next((frame) => frame.ref === ref, `answer to ${type}`);
    return answer.type === "wirebell.error" ? { error: answer } : answer.data;
  }

  acknowledge(event) {
    return this.post({ type: "wirebell.ack", channel: event.channel, cursor: event.cursor });
  }

  hold() {
    this.open = new Promise((resolve) => (this.release = resolve));
  }

  close() {
    this.source.close();
  }
}
