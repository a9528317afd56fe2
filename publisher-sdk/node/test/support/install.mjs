// Packing and installing a package from a pristine clone, which has neither dependencies nor build output.
// The clone is of the last commit: changes that are not committed are not tested here.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

// Runs a command. The options of an npm that runs this test must not reach the one under test.
const run = (cwd, program, ...args) => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  const env = { ...Object.fromEntries(inherited), npm_config_prefer_offline: "true" };
  return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
};

// Clones the repository, and returns this folder of the clone.
const clone = (work, name, folder) => {
  run(work, "git", "clone", "--quiet", "--depth=1", pathToFileURL(ROOT).href, name);
  const cloned = join(work, name, folder);
  for (const absent of ["dist", "node_modules"]) assert.ok(!existsSync(join(cloned, absent)), absent);
  return cloned;
};

// Installs into an empty project, and returns what a program there prints.
const use = (work, name, what, program) => {
  const project = join(work, name);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  run(project, "npm", "install", "--silent", what);
  writeFileSync(join(project, "use.js"), program);
  return run(project, process.execPath, "use.js");
};

const temporary = (context) => {
  const work = mkdtempSync(join(tmpdir(), "wirebell-install-"));
  context.after(() => rmSync(work, { recursive: true, force: true }));
  return work;
};

/**
 * Registers the tests of the package in a folder of the repository. `program` uses the installed package and prints
 * `prints`. `scripted` names the dependencies with an install script, which are not run.
 */
export function testInstall({ folder, program, prints, scripted }) {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));

  test("npm pack in a pristine clone makes a tarball that works", (context) => {
    const work = temporary(context);
    const tarball = run(clone(work, "clone", folder), "npm", "pack", "--silent", "--pack-destination", work);
    assert.equal(tarball, `${name}-${version}.tgz`, "only the name goes to stdout");
    assert.equal(use(work, "project", join(work, tarball), program), prints);
  });

  test("npm install of a folder in a pristine clone gives a package that works", (context) => {
    const work = temporary(context);
    assert.equal(use(work, "project", clone(work, "clone", folder), program), prints);
  });

  test("no dependency needs a script when it is installed", () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, folder, "package-lock.json"), "utf8"));
    const scripts = Object.keys(packages).filter((path) => packages[path].hasInstallScript);
    assert.deepEqual(scripts.map((path) => path.slice("node_modules/".length)), scripted);
  });
}
