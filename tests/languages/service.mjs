// Starts the services under test, one process per language: Express, FastAPI under uvicorn, and the Rust example. Each
// service prints what it receives as lines of JSON.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually } from "../../publisher-sdk/node/test/support/redis.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const PYTHON = process.env.LANGUAGES_PYTHON ?? join(ROOT, "target/languages/python/bin/python");
const BIN = process.env.WIREBELL_BIN ?? join(ROOT, "target/release/wirebell");
const EXAMPLE = join(dirname(BIN), "examples/service");

export const LANGUAGES = (process.env.LANGUAGES_ONLY ?? "node,python,rust").split(",");

const COMMANDS = {
  node: () => [process.execPath, "services/service.mjs"],
  python: (port) => [PYTHON, "-m", "uvicorn", "--app-dir", "services", "--log-level", "warning", "--port", String(port), "service:app"],
  rust: () => [EXAMPLE],
};

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Service {
  lines = [];
  #waiting = [];

  // `settings` are passed to the service; see `services/` for their members.
  static async start(language, settings) {
    const service = new Service();
    service.language = language;
    service.port = language === "rust" ? undefined : await freePort();
    const [program, ...words] = COMMANDS[language](service.port);
    const env = { ...process.env, LANGUAGES: JSON.stringify(settings), PORT: String(service.port), PYTHONDONTWRITEBYTECODE: "1" };
    service.child = spawn(program, words, { cwd: HERE, env, stdio: ["pipe", "pipe", "inherit"] });
    running.add(service.child);
    service.ended = once(service.child, "exit").finally(() => running.delete(service.child));
    createInterface({ input: service.child.stdout }).on("line", (line) => service.#receive(JSON.parse(line)));
    await eventually(`the service in ${language} is ready`, () => service.lines.some((line) => line.ready === language));
    if (language === "python") await eventually("the service in python listens", () => fetch(`${service.url}/openapi.json`).then(({ ok }) => ok, () => false));
    return service;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  // Returns all lines so far that have this member.
  output(name) {
    return this.lines.filter((line) => name in line);
  }

  publish(event) {
    return this.#request("publish", event);
  }

  // Publishes and waits for an acknowledgement.
  confirm(event) {
    return this.#request("confirm", event);
  }

  kill() {
    this.child.kill("SIGKILL");
    return this.ended;
  }

  // Asks the service to stop; it must exit without an error.
  async stop() {
    if (this.language === "rust") this.child.stdin.end();
    else this.child.kill("SIGTERM");
    const [code, signal] = await this.ended;
    // uvicorn raises the signal again after its shutdown.
    assert.ok(code === 0 || (this.language === "python" && signal === "SIGTERM"), `the service in ${this.language} exited with ${code ?? signal}`);
  }

  async #request(action, event) {
    if (this.language === "rust") {
      this.child.stdin.write(`${JSON.stringify({ [action]: event })}\n`);
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
    const body = JSON.stringify(event);
    const response = await fetch(`${this.url}/${action}`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const result = await response.json();
    assert.equal(response.status, 200, JSON.stringify(result));
    return result;
  }

  #receive(line) {
    if ("refused" in line) assert.fail(line.refused);
    if ("answer" in line) this.#waiting.shift()?.(line.answer);
    else this.lines.push(line);
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
