// Words and phrases that a reader of the field stumbles over, each with what to write instead.

/** Each entry: a pattern, matched as whole words in any case, and what to write. */
const RETIRED = [
  ["told", "notified, or received"],
  ["nobody", "name the thing: no client, no session, no publisher"],
  ["somebody", "name the thing: a client, a session, a publisher"],
  ["whoever", "name the thing: the client that …"],
  ["whom", "name the thing"],
  ["goodbye", "close"],
  ["com(?:es|e|ing) back", "reconnects"],
  ["came back", "reconnected"],
  ["attended to", "acknowledged"],
  ["passed over", "skipped"],
  ["(?:clients'|clients’|client's) door", "client API"],
  ["(?:services'|services’|service's) door", "server API"],
  ["what (?:became|becomes|has become) of", "delivery status"],
  ["what (?:came|comes) of", "result"],
  ["(?:is|are) to be", "must be, or will be"],
  ["no longer good|good no longer", "revoked, or expired"],
  ["hardly anybody", "few clients"],
  ["anew", "again"],
  ["of its own accord", "by itself"],
  ["save (?:that|for|where|those)", "except"],
  ["outbox(?:es)?", "send buffer"],
  ["watched events?", "tracked event"],
];

// The words of a phrase may stand on two lines.
const retired = RETIRED.map(([pattern, write]) => ({ pattern: new RegExp(`\\b(?:${pattern.replaceAll(" ", "\\s+")})\\b`, "giu"), write }));

/** Returns each retired word of a text: what was found, where, and what to write. */
export const retiredIn = (text) =>
  retired.flatMap(({ pattern, write }) => [...text.matchAll(pattern)].map(({ 0: found, index }) => ({ found, index, write })));
