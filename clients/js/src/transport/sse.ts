// Over Server-Sent Events, where WebSockets do not get through. By `fetch` and not by `EventSource`: that tells neither a type that
// it was not asked for nor why it was refused, and would need the token in the address.
import type { Frame } from "../frame.js";
import type { Transport } from "./transport.js";

/** The close codes of what is refused before a stream begins. */
const CODES: Record<number, number> = { 401: 4401, 403: 4403, 429: 4429 };

export const overEvents = (ask: typeof fetch): Transport => ({
  name: "sse",
  dial({ url, token, cursor }, { text, gone }) {
    const abort = new AbortController();
    const { signal } = abort;
    const asUser = () => ({ Authorization: `Bearer ${token}` });
    let path = "";

    const take = (block: string) => {
      const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      path ||= JSON.parse(data || "{}").connection ?? "";
      text(data);
    };

    const listen = async () => {
      const answer = await ask(`${url}/events${cursor ? `?cursor=${cursor}` : ""}`, { headers: asUser(), signal, cache: "no-store" });
      if (!answer.ok) {
        const after = Number(answer.headers.get("retry-after"));
        if (after) text(JSON.stringify({ type: "wirebell.reconnect", after }));
        const { code, detail } = await problem(answer);
        // What a proxy on the way says is not the node's last word.
        return gone((code ? CODES[answer.status] : undefined) ?? 1006, detail);
      }
      const reader = answer.body!.getReader();
      const decoder = new TextDecoder();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return gone(1006, "the stream has ended");
        const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = blocks.pop()!;
        blocks.forEach(take);
      }
    };
    listen().catch((error) => { if (!signal.aborted) gone(1006, String(error)); });

    const say = async (frame: Frame) => {
      const refused = (code: string, message: string) => text(JSON.stringify({ type: "wirebell.error", code, message, ref: frame["ref"] }));
      // A renewal is sent with the token that it brings.
      token = frame["token"] ?? token;
      try {
        const answer = await ask(`${url}/events/${path}`, { method: "POST", headers: asUser(), body: JSON.stringify(frame), signal });
        if (answer.ok) return;
        const { code = "unavailable", detail } = await problem(answer);
        refused(code, detail);
      } catch (error) {
        if (!signal.aborted) refused("unavailable", String(error));
      }
    };
    // One at a time, or they might overtake each other.
    let last: Promise<unknown> = Promise.resolve();
    return { send(frame) { last = last.then(() => say(frame)); }, drop: () => abort.abort() };
  },
});

const problem = async (answer: Response): Promise<{ code?: string; detail: string }> => ({
  detail: `answered with ${answer.status}`,
  ...(await answer.json().catch(() => ({}))),
});
