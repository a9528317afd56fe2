// Starts the gateway on free ports, reads its addresses from its log, and stops it by process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BIN = process.env.WIREBELL_BIN ?? fileURLToPath(new URL("../../target/release/wirebell", import.meta.url));
// The gateway rejects unknown variables that begin with WIREBELL_.
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "WIREBELL_BIN"));
const READY_WITHIN = 15_000;

export class Gateway {
  // `settings` are configuration keys, as `--set` takes them.
  static async start(settings = {}, clients = "127.0.0.1:0") {
    const sets = Object.entries({ "telemetry.log_format": "json", ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const child = spawn(BIN, ["dev", "--clients-listen", clients, "--services-listen", "127.0.0.1:0", ...sets], { stdio: ["ignore", "ignore", "pipe"], env: ENVIRONMENT });
    const gateway = new Gateway();
    gateway.child = child;
    gateway.log = [];
    gateway.ended = once(child, "exit");
    Object.assign(gateway, await gateway.#listening());
    return gateway;
  }

  #listening() {
    return new Promise((resolve, reject) => {
      const fail = (reason) => reject(new Error(`${reason}; its log:\n${this.log.join("\n")}`));
      const timer = setTimeout(() => fail(`the gateway does not listen after ${READY_WITHIN} ms`), READY_WITHIN);
      this.child.on("error", fail);
      this.child.on("exit", (code) => fail(`the gateway exited with ${code}`));
      createInterface({ input: this.child.stderr }).on("line", (line) => {
        this.log.push(line);
        const fields = asJson(line)?.fields;
        if (fields?.message !== "listening") return;
        clearTimeout(timer);
        resolve({ clients: fields.clients, services: fields.services });
      });
    });
  }

  page(query = "") {
    return `http://${this.clients}/${query}`;
  }

  // Publishes as a service does. A string is sent unchanged as the body.
  async publish(body) {
    const response = await fetch(`http://${this.services}/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, ...(await response.json()) };
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    await this.ended;
    clearTimeout(timer);
  }
}

function asJson(line) {
  try { return JSON.parse(line); } catch { return undefined; }
}
