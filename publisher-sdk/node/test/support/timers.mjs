// Adds events to the fallback stream as a node does after their deadline, with the protocol's own
// scripts.
import { part } from "./package.mjs";

const calls = await part("protocol/calls.js");
const { Keys } = await part("protocol/keys.js");
const { SCRIPTS } = await part("generated.js");
const keys = new Keys();

// Adds the events `e<from>` to `e<to - 1>`. `ask` takes the key first.
export async function fallBack(ask, from, to) {
  for (let number = from; number < to; number += 1) {
    const id = `e${number}`;
    const alarm = { is: "fallback", at: 7, what: "", frame: `{"type":"t","id":"${id}","data":${number}}` };
    const call = calls.finish(keys, "user:1", id, alarm);
    await ask(call.keys[0], "EVAL", SCRIPTS[call.script], call.keys.length, ...call.keys, ...call.arguments);
  }
}
