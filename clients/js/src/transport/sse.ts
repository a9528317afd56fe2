// The Server-Sent Events transport, for networks that block WebSockets. It uses `fetch`, because
// `EventSource` reports neither unregistered event types nor the reason of a rejection, and needs
// the token in the URL.
import type { Frame } from "../frame.js";
import type { Transport } from "./transport.js";

/** The close codes for rejections before a stream starts. */
const CODES: Record<number, number> = { 401: 4401, 403: 4403, 429: 4429 };

/** Returns the transport over this `fetch`. */
export const sseTransport = (request: typeof fetch): Transport => ({
  name: "sse",
  dial({ url, token, cursor }, { text, closed }) {
    const abort = new AbortController();
    const { signal } = abort;
    const headers = () => ({ Authorization: `Bearer ${token}` });
    let connection = "";

    const receive = (block: string) => {
      const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      connection ||= JSON.parse(data || "{}").connection ?? "";
      text(data);
    };

    const listen = async () => {
      const response = await request(`${url}/events${cursor ? `?cursor=${cursor}` : ""}`, { headers: headers(), signal, cache: "no-store" });
      if (!response.ok) {
        const after = Number(response.headers.get("retry-after"));
        if (after) text(JSON.stringify({ type: "wirebell.reconnect", after }));
        const { code, detail } = await problem(response);
        // A response without a code comes from a proxy and is not final.
        return closed((code ? CODES[response.status] : undefined) ?? 1006, detail);
      }
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return closed(1006, "the stream ended");
        const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = blocks.pop()!;
        blocks.forEach(receive);
      }
    };
    listen().catch((error) => { if (!signal.aborted) closed(1006, String(error)); });

    const post = async (frame: Frame) => {
      const reject = (code: string, message: string) => text(JSON.stringify({ type: "wirebell.error", code, message, ref: frame["ref"] }));
      // A token renewal is sent with the new token.
      token = frame["token"] ?? token;
      try {
        const response = await request(`${url}/events/${connection}`, { method: "POST", headers: headers(), body: JSON.stringify(frame), signal });
        if (response.ok) return;
        const { code = "unavailable", detail } = await problem(response);
        reject(code, detail);
      } catch (error) {
        if (!signal.aborted) reject("unavailable", String(error));
      }
    };
    // Requests are sent one at a time to keep their order.
    let last: Promise<unknown> = Promise.resolve();
    return { send(frame) { last = last.then(() => post(frame)); }, drop: () => abort.abort() };
  },
});

const problem = async (response: Response): Promise<{ code?: string; detail: string }> => ({
  detail: `the server responded with status ${response.status}`,
  ...(await response.json().catch(() => ({}))),
});
