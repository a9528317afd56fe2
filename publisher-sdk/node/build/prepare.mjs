// Builds the package for `npm pack`, `npm publish` and `npm install <folder>`: they run the script
// `prepare`. A fresh clone has no dependencies. They are installed first, as locked, and without
// running scripts of their own.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const isInstalled = (name) => existsSync(join(folder, "node_modules", name, "package.json"));
// The calling npm hands its options down as `npm_config_*`. These options override the ones that
// would break this install.
const OPTIONS = ["--ignore-scripts", "--include=dev", "--dry-run=false", "--global=false", "--workspaces=false", "--loglevel=error"];
// stdout belongs to the calling npm: `npm pack` prints the name of the tarball there.
const run = (program, ...args) => execFileSync(program, args, { cwd: folder, stdio: ["ignore", 2, 2] });

if (!Object.keys({ ...dependencies, ...devDependencies }).every(isInstalled)) {
  const caller = process.env.npm_execpath;
  if (caller?.endsWith("npm-cli.js")) run(process.execPath, caller, "ci", ...OPTIONS);
  else run("npm", "ci", ...OPTIONS);
}
run(process.execPath, join(folder, "build", "build.mjs"));
