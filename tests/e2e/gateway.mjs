// The program under test: started with doors on free ports, found by what it logs, ended by its process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BIN = process.env.WIREBELL_BIN ?? fileURLToPath(new URL("../../target/release/wirebell", import.meta.url));
// A node refuses variables that begin like its own and are none.
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "WIREBELL_BIN"));
const READY_WITHIN = 15_000;

export class Gateway {
  // `settings` are keys of the configuration, as `--set` takes them.
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
      const give = (why) => reject(new Error(`${why}:\n${this.log.join("\n")}`));
      const timer = setTimeout(() => give("the gateway did not say that it listens"), READY_WITHIN);
      this.child.on("error", give);
      this.child.on("exit", (code) => give(`the gateway ended with ${code}`));
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

  // As a service would, with a body that is sent as it stands.
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
    const late = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    await this.ended;
    clearTimeout(late);
  }
}

function asJson(line) {
  try { return JSON.parse(line); } catch { return undefined; }
}
