// The WebSocket transport, with the browser's WebSocket or a compatible one.
import type { Transport } from "./transport.js";

/** The part of a WebSocket that the client uses. */
export interface WebSocketLike {
  send(text: string): void;
  close(code?: number): void;
  readyState: number;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

/** The constructor of a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Returns the transport over this WebSocket. */
export const webSocketTransport = (Socket: WebSocketConstructor): Transport => ({
  name: "websocket",
  dial({ url, token, cursor }, { text, closed }) {
    const address = url.replace(/^http/, "ws") + "/ws" + (cursor ? `?cursor=${cursor}` : "");
    const socket = new Socket(address, ["wirebell.v1", `wirebell.bearer.${token}`]);
    socket.onmessage = ({ data }) => text(data);
    socket.onclose = ({ code, reason }) => closed(code, String(reason));
    socket.onerror = () => {};
    return {
      // A closing socket accepts nothing. The client sends the frame again on the next connection.
      send: (frame) => { if (socket.readyState === 1) socket.send(JSON.stringify(frame)); },
      drop() {
        socket.onmessage = socket.onclose = null;
        socket.close(1000);
      },
    };
  },
});
