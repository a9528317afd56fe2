// Over a WebSocket, the browser's or another of its shape.
import type { Transport } from "./transport.js";

export interface WebSocketLike {
  send(text: string): void;
  close(code?: number): void;
  readyState: number;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export const overWebSocket = (Socket: WebSocketConstructor): Transport => ({
  name: "websocket",
  dial({ url, token, cursor }, { text, gone }) {
    const address = url.replace(/^http/, "ws") + "/ws" + (cursor ? `?cursor=${cursor}` : "");
    const socket = new Socket(address, ["wirebell.v1", `wirebell.bearer.${token}`]);
    socket.onmessage = ({ data }) => text(data);
    socket.onclose = ({ code, reason }) => gone(code, String(reason));
    socket.onerror = () => {};
    return {
      // A socket that is closing takes nothing; what was to be sent is sent again on the next one.
      send: (frame) => { if (socket.readyState === 1) socket.send(JSON.stringify(frame)); },
      drop() {
        socket.onmessage = socket.onclose = null;
        socket.close(1000);
      },
    };
  },
});
