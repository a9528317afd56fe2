// Connection ids: `<node, eight characters>.<number in hexadecimal>`. An id names its node, so that
// an event for one connection needs no subscription of its own.

const CONNECTION_ID = /^[a-z0-9]{8}\.(?:0|[1-9a-f][0-9a-f]{0,15})$/;

/** Returns whether a node can have issued the id. */
export function isConnectionId(text: string): boolean {
  return CONNECTION_ID.test(text);
}

/** Returns the node and the number of a connection id. */
export function splitConnectionId(id: string): [node: string, number: string] {
  const dot = id.indexOf(".");
  return [id.slice(0, dot), id.slice(dot + 1)];
}
