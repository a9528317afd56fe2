// A program that belongs to an app: started, found by the address that it prints, ended by its process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const READY_WITHIN = 20_000;
const SAYS_WHERE = /(?:listening|running) on (http:\/\/[\w.:]+)/;

const living = new Set();
process.on("exit", () => { for (const part of living) part.child.kill("SIGKILL"); });
// Whoever is told to end takes along what it has started.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));

export class Part {
  // `command` is a list of words. `serves` says whether it prints an address for which to wait.
  static async start({ name, command, folder, env = {}, serves = true }, echo = () => {}) {
    const part = new Part();
    const [program, ...words] = command;
    part.name = name;
    part.log = [];
    part.child = spawn(program, words, { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    living.add(part);
    part.ended = once(part.child, "exit").then(() => living.delete(part));
    part.url = await part.#address(serves, echo);
    return part;
  }

  #address(serves, echo) {
    return new Promise((resolve, reject) => {
      const give = (why) => reject(new Error(`${this.name} ${why}:\n${this.log.join("\n")}`));
      const timer = setTimeout(() => give("did not say where it listens"), READY_WITHIN);
      const said = (line) => {
        this.log.push(line);
        echo(`${this.name}: ${line}`);
        const address = SAYS_WHERE.exec(line)?.[1];
        if (!address) return;
        clearTimeout(timer);
        resolve(address);
      };
      for (const stream of [this.child.stdout, this.child.stderr]) createInterface({ input: stream }).on("line", said);
      this.child.on("error", (error) => give(`could not be started: ${error.message}`));
      this.child.on("exit", (code) => { clearTimeout(timer); give(`ended with ${code}`); });
      if (!serves) this.child.once("spawn", () => { clearTimeout(timer); resolve(undefined); });
    });
  }

  get gone() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  // STOP lets it hang, CONT lets it go on.
  signal(name) {
    this.child.kill(`SIG${name}`);
  }

  // As the operating system does it when memory runs out.
  async kill() {
    if (!this.gone) this.signal("KILL");
    await this.ended;
  }

  async stop() {
    if (!this.gone) this.signal("TERM");
    const late = setTimeout(() => this.signal("KILL"), 10_000);
    await this.ended;
    clearTimeout(late);
  }
}
