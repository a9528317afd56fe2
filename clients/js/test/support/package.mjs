// The package under test: the one that `run` installed from its tarball, or this folder.
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const HERE = fileURLToPath(new URL("../..", import.meta.url));
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
export const FOLDER = process.env.WIREBELL_CLIENT ?? HERE;

// The public module.
export const client = await import(pathToFileURL(join(FOLDER, "dist/index.js")));

// An internal module of the package.
export const part = (name) => createRequire(import.meta.url)(join(FOLDER, "dist/cjs", `${name}.js`));
