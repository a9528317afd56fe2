// The Lua scripts, read from where they are kept: those of the protocol, put together as `protocol/` does, and those with
// which the Rust SDK reads Streams. They are not kept a second time here, so they cannot drift.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");

const PARTS = {
  publish: ["protocol/src/publish/publish.lua", "protocol/src/publish/main.lua"],
  schedule: ["protocol/src/publish/publish.lua", "protocol/src/tracking/schedule.lua"],
  alarm: ["protocol/src/publish/publish.lua", "protocol/src/tracking/alarm.lua"],
  register: ["protocol/src/tracking/register.lua"],
  finish: ["protocol/src/tracking/finish.lua"],
  cancel: ["protocol/src/tracking/cancel.lua"],
  answer: ["protocol/src/inbox/answer.lua"],
  keep: ["publisher-sdk/src/redis/keep.lua"],
  bury: ["publisher-sdk/src/redis/bury.lua"],
  leave: ["publisher-sdk/src/redis/leave.lua"],
};

// Every script, by its name.
export function scripts() {
  return Object.fromEntries(Object.entries(PARTS).map(([name, paths]) => [name, paths.map(at).join("")]));
}

// As a module.
export function source() {
  const lines = Object.entries(scripts()).map(([name, text]) => `  ${name}: ${JSON.stringify(text)},`);
  return [
    "// Written by build/scripts.mjs from the repository's *.lua: change those, not this.",
    "",
    "/** Every script, by its name. */",
    "export const SCRIPTS = {",
    ...lines,
    "} as const;",
    "",
    "/** The name of a script. */",
    "export type ScriptName = keyof typeof SCRIPTS;",
    "",
  ].join("\n");
}
