// Builds the published files: the Lua scripts as a module, JavaScript with types, and copies of the
// licenses.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { source } from "./scripts.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

rmSync(join(here, "dist"), { recursive: true, force: true });
writeFileSync(join(here, "src", "generated.ts"), source());
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(here, "..", "..", license), join(here, license));
execFileSync(process.execPath, [tsc, "-p", here], { stdio: "inherit" });
