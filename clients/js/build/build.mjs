// Builds the published files: a bundle of ES modules whose entries share their code, CommonJS
// files, the types, and copies of the licenses.
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
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(path("..", "..", license), path(license));
await build({ entryPoints: entries, outdir: path("dist"), bundle: true, splitting: true, format: "esm", target, external: ["react"], chunkNames: "shared-[hash]" });
await build({ entryPoints: sources, outdir: path("dist", "cjs"), format: "cjs", platform: "neutral", target });
// Frameworks with server components need this directive: the hooks run in clients only.
for (const file of [path("dist", "react.js"), path("dist", "cjs", "react.js")]) writeFileSync(file, `"use client";\n${readFileSync(file, "utf8")}`);
execFileSync(process.execPath, [tsc, "-p", here], { stdio: "inherit" });
cpSync(path("dist", "types"), path("dist", "cjs"), { recursive: true });
writeFileSync(path("dist", "cjs", "package.json"), '{ "type": "commonjs" }\n');
