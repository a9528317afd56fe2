// The service behind the chat: takes what clients emit, saves it, and announces it to the room. It has no port of its own, and
// whoever emits does not know where it is.
import { Inbox, Publisher } from "wirebell-publisher";

import { Messages } from "./messages.mjs";
import { file, redis, rooms } from "./settings.mjs";

const LONGEST = 500;
const messages = new Messages(file);
const wb = await Publisher.connect(redis);
// One at a time, so that a room has its messages in the order in which they came.
const inbox = await Inbox.connect(redis, "chat", { atOnce: 1 });

// `user` is whom the token names, and nothing that a client could say of itself. The same event may come twice, as after a
// crash: its id makes it one message, which is announced once. Ids are the clients' own, so they count for their user only.
inbox.on("send-message", async ({ id, user, at, data }) => {
  const { room, text } = data ?? {};
  if (!rooms.includes(room)) return { refused: "There is no such room." };
  if (typeof text !== "string" || !text.trim() || text.length > LONGEST) return { refused: `A text of 1 to ${LONGEST} letters.` };
  const message = { id: `${user}:${id}`, room, from: user, text: text.trim(), at };
  messages.save(message);
  await wb.publish({ to: `topic:room-${room}`, type: "message-saved", data: message, id: message.id });
  return { saved: message.id };
});

process.once("SIGTERM", () => inbox.close({ timeout: 5_000 }));
console.log("waiting for what clients emit");
await inbox.run();
await wb.close();
