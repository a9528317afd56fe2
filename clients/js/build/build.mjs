// Builds what is published: one bundle of modules in which the entries share their code, the same for `require` file by file, the
// types, and the licences beside them.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL("..", import.meta.url));
const path = (...parts) => join(here, ...parts);
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const entries = ["index", "tabs", "react"].map((name) => path("src", `${name}.ts`));
const sources = readdirSync(path("src"), { recursive: true }).filter((name) => name.endsWith(".ts")).map((name) => path("src", name));
const target = ["es2022"];

rmSync(path("dist"), { recursive: true, force: true });
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(path("..", "..", licence), path(licence));
await build({ entryPoints: entries, outdir: path("dist"), bundle: true, splitting: true, format: "esm", target, external: ["react"], chunkNames: "shared-[hash]" });
await build({ entryPoints: sources, outdir: path("dist", "cjs"), format: "cjs", platform: "neutral", target });
// Frameworks that render some components on a server only have to know that these are not of those.
for (const file of [path("dist", "react.js"), path("dist", "cjs", "react.js")]) writeFileSync(file, `"use client";\n${readFileSync(file, "utf8")}`);
execFileSync(process.execPath, [tsc, "-p", here], { stdio: "inherit" });
cpSync(path("dist", "types"), path("dist", "cjs"), { recursive: true });
writeFileSync(path("dist", "cjs", "package.json"), '{ "type": "commonjs" }\n');
