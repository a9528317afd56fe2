// What was said, a line of JSON each: the keeper writes, the web server reads.
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const MOST = 50;

export class Messages {
  #file;
  #ids;

  constructor(file) {
    this.#file = file;
    this.#ids = new Set(this.#all().map(({ id }) => id));
  }

  // False if it was saved before.
  save(message) {
    if (this.#ids.has(message.id)) return false;
    appendFileSync(this.#file, `${JSON.stringify(message)}\n`);
    this.#ids.add(message.id);
    return true;
  }

  latest(room) {
    return this.#all().filter((message) => message.room === room).slice(-MOST);
  }

  #all() {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }
}
