// A program of an app: started as a process, found by the address that it prints, stopped by its process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const READY_WITHIN = 20_000;
const ADDRESS = /(?:listening|running) on (http:\/\/[\w.:]+)/;

const running = new Set();
process.on("exit", () => { for (const program of running) program.child.kill("SIGKILL"); });
// A signal stops the programs too.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));

export class Program {
  // `command` is a list of words. `serves` says whether the program prints an address; then `start` waits for it.
  static async start({ name, command, folder, env = {}, serves = true }, echo = () => {}) {
    const program = new Program();
    const [executable, ...args] = command;
    program.name = name;
    program.log = [];
    program.child = spawn(executable, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    running.add(program);
    program.ended = once(program.child, "exit").then(() => running.delete(program));
    program.url = await program.#address(serves, echo);
    return program;
  }

  #address(serves, echo) {
    return new Promise((resolve, reject) => {
      const fail = (reason) => reject(new Error(`${this.name} ${reason}:\n${this.log.join("\n")}`));
      const timer = setTimeout(() => fail("did not print the address that it listens on"), READY_WITHIN);
      const onLine = (line) => {
        this.log.push(line);
        echo(`${this.name}: ${line}`);
        const address = ADDRESS.exec(line)?.[1];
        if (!address) return;
        clearTimeout(timer);
        resolve(address);
      };
      for (const stream of [this.child.stdout, this.child.stderr]) createInterface({ input: stream }).on("line", onLine);
      this.child.on("error", (error) => fail(`could not be started: ${error.message}`));
      this.child.on("exit", (code) => { clearTimeout(timer); fail(`exited with ${code}`); });
      if (!serves) this.child.once("spawn", () => { clearTimeout(timer); resolve(undefined); });
    });
  }

  get hasExited() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  // STOP suspends the program, CONT resumes it.
  signal(name) {
    this.child.kill(`SIG${name}`);
  }

  // Kills the program without a shutdown, as the operating system does when memory runs out.
  async kill() {
    if (!this.hasExited) this.signal("KILL");
    await this.ended;
  }

  async stop() {
    if (!this.hasExited) this.signal("TERM");
    const timer = setTimeout(() => this.signal("KILL"), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}
