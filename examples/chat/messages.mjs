// The messages, one line of JSON each. The service writes them, the web server reads them.
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const MAX_MESSAGES = 50;

export class Messages {
  #file;
  #ids;

  constructor(file) {
    this.#file = file;
    this.#ids = new Set(this.#all().map(({ id }) => id));
  }

  // Returns false if the message is already stored.
  save(message) {
    if (this.#ids.has(message.id)) return false;
    appendFileSync(this.#file, `${JSON.stringify(message)}\n`);
    this.#ids.add(message.id);
    return true;
  }

  latest(room) {
    return this.#all().filter((message) => message.room === room).slice(-MAX_MESSAGES);
  }

  #all() {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }
}
