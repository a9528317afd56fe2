// Redis over TLS: the certificate is checked against the authorities that the process trusts.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FOLDER } from "./support/package.mjs";
import { Redis } from "./support/redis.mjs";

test("only a trusted certificate for the right host is accepted", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "wirebell-node-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const plain = await Redis.start("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no");
  t.after(() => plain.stop());
  const port = plain.port + 1;
  await plain.ask("CONFIG", "SET", "tls-port", port);

  const publish = (host, env) => {
    const program = `
      const { Publisher } = require(${JSON.stringify(FOLDER)});
      const wb = new Publisher("rediss://${host}:${port}", { timeout: 1000, logger: false });
      wb.publish({ to: "user:1", type: "t", data: 1 }).then(() => console.log("published"), (error) => console.log(error.code, error.message)).then(() => wb.close());
    `;
    return spawnSync(process.execPath, ["-e", program], { env: { PATH: process.env.PATH, ...env }, encoding: "utf8" }).stdout.trim();
  };
  const trusting = { NODE_EXTRA_CA_CERTS: certificate };
  assert.deepEqual([publish("localhost", trusting), publish("127.0.0.1", trusting)], ["published", "published"]);
  assert.match(publish("localhost", {}), /^unavailable .*certificate/);
  assert.match(publish("127.0.0.2", trusting), /^unavailable .*(?:altnames|ECONNREFUSED)/);
  assert.equal((await plain.log("user:1")).length, 2);
});
