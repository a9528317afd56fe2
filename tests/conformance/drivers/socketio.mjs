// A Socket.IO client, built on the official package.
import { io } from "socket.io-client";

import { FrameQueue } from "../frame-queue.mjs";

export const name = "socketio";
export const metricsLabel = "socketio";

// Returns a client class that uses these Engine.IO transports, in this order.
export const withTransports = (...transports) => class extends Client {
  static connect(gateway, token, options = {}) {
    return super.connect(gateway, token, { transports, ...options });
  }
};

export class Client {
  static async connect(gateway, token, { cursor, origin, transports = ["websocket"] } = {}) {
    const client = new Client();
    client.frames = new FrameQueue();
    client.callbacks = new Map();
    const extraHeaders = origin ? { origin } : {};
    client.socket = io(`http://${gateway.clients}`, { auth: { token, cursor }, transports, extraHeaders, reconnection: false, forceNew: true });
    client.socket.onAny((type, data, about, callback) => {
      if (type === "socket-id") return;
      if (type.startsWith("wirebell.")) return client.frames.put({ ...data, type });
      const frame = { type, data, ...about, ...(callback && { ack: true }) };
      client.callbacks.set(frame.cursor, callback);
      client.frames.put(frame);
    });
    client.ended = new Promise((resolve) => {
      let code;
      client.socket.on("wirebell.close", (close) => (code = close.code));
      client.socket.on("disconnect", (reason) => resolve({ code, reason }));
      client.socket.on("connect_error", (error) => resolve({ status: Number(error.context?.status ?? error.description?.message?.match(/\d+/)?.[0]), errorCode: error.data?.code, message: error.message }));
    });
    return client;
  }

  request(type, members = {}) {
    const { data, ...rest } = members;
    return this.socket.timeout(10_000).emitWithAck(type, type.startsWith("wirebell.") ? rest : data);
  }

  acknowledge(event) {
    this.callbacks.get(event.cursor)();
  }

  // Pauses the TCP socket from which `ws` reads, below Engine.IO.
  pauseReading() {
    this.socket.io.engine.transport.ws._socket.pause();
  }

  resumeReading() {
    this.socket.io.engine.transport.ws._socket.resume();
  }

  close() {
    this.socket.disconnect();
  }
}
