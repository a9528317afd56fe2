// A webhook backend that rejects requests whose signature the official package does not accept.
import { once } from "node:events";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

export class Backend {
  // `respond(event, count)` returns the response to an event; `count` is the number of requests for it so far.
  static async start(secret, respond) {
    const backend = new Backend();
    backend.requests = [];
    backend.rejected = [];
    const verifier = new Webhook(secret);
    const counts = new Map();
    backend.server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      let event;
      try {
        event = verifier.verify(body, request.headers);
      } catch (error) {
        backend.rejected.push(`${error}`);
        response.writeHead(401).end();
        return;
      }
      const id = request.headers["webhook-id"];
      counts.set(id, (counts.get(id) ?? 0) + 1);
      backend.requests.push({ event, body, headers: request.headers, at: Date.now() });
      const { status = 200, json, text, after = 0 } = (await respond(event, counts.get(id))) ?? {};
      if (after > 0) await new Promise((resolve) => setTimeout(resolve, after));
      response.writeHead(status, { "content-type": json === undefined ? "text/plain" : "application/json" });
      response.end(json === undefined ? (text ?? "") : JSON.stringify(json));
    });
    backend.server.listen(0, "127.0.0.1");
    await once(backend.server, "listening");
    backend.url = `http://127.0.0.1:${backend.server.address().port}/events`;
    return backend;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
