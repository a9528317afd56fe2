// A load balancer for several nodes: TCP connections go to reachable nodes in turn, or all to the first reachable node.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Balancer {
  // `addresses` are the client API addresses of the nodes, such as 127.0.0.1:8080.
  static async start(addresses, stays = false) {
    const balancer = new Balancer();
    balancer.addresses = addresses;
    balancer.turn = 0;
    balancer.step = stays ? 0 : 1;
    balancer.pairs = new Set();
    balancer.server = createServer((client) => balancer.#lead(client, balancer.turn += balancer.step, addresses.length));
    balancer.server.listen(0, "127.0.0.1");
    await once(balancer.server, "listening");
    balancer.address = `127.0.0.1:${balancer.server.address().port}`;
    return balancer;
  }

  #lead(client, turn, left) {
    client.on("error", () => {});
    if (left === 0) return client.destroy();
    const address = this.addresses[turn % this.addresses.length];
    const [host, port] = address.split(":");
    const node = connect(Number(port), host);
    node.once("error", () => this.#lead(client, turn + 1, left - 1));
    node.once("connect", () => this.#join(client, node, address));
  }

  #join(client, node, address) {
    node.removeAllListeners("error").on("error", () => {});
    const pair = { client, address };
    this.pairs.add(pair);
    client.pipe(node).pipe(client);
    client.once("close", () => { node.destroy(); this.pairs.delete(pair); });
    node.once("close", () => client.destroy());
  }

  // Returns how many connections go to the node at this address.
  held(address) {
    return [...this.pairs].filter((pair) => pair.address === address).length;
  }

  stop() {
    for (const { client } of this.pairs) client.destroy();
    this.server.close();
  }
}
