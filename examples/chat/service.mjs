// The chat service: stores the messages that clients emit, and publishes them to their room. It has no port; clients
// do not know its address.
import { Inbox, Publisher } from "wirebell-publisher";

import { Messages } from "./messages.mjs";
import { file, redis, rooms } from "./settings.mjs";

const MAX_LENGTH = 500;
const messages = new Messages(file);
const wb = await Publisher.connect(redis);
// One at a time, so that a room stores its messages in the order of arrival.
const inbox = await Inbox.connect(redis, "chat", { atOnce: 1 });

// The node sets `user` from the token; a client cannot choose it. An event may be delivered twice, as after a crash:
// its id makes it one message that is published once. Clients choose ids, so an id counts only for its user.
inbox.on("send-message", async ({ id, user, at, data }) => {
  const { room, text } = data ?? {};
  if (!rooms.includes(room)) return { refused: "There is no such room." };
  if (typeof text !== "string" || !text.trim() || text.length > MAX_LENGTH) return { refused: `A text of 1 to ${MAX_LENGTH} letters.` };
  const message = { id: `${user}:${id}`, room, from: user, text: text.trim(), at };
  messages.save(message);
  await wb.publish({ to: `topic:room-${room}`, type: "message-saved", data: message, id: message.id });
  return { saved: message.id };
});

process.once("SIGTERM", () => inbox.close({ timeout: 5_000 }));
console.log("handling client events");
await inbox.run();
await wb.close();
