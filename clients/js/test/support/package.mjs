// The package under test: the one that `run` has installed from its tarball.
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const HERE = fileURLToPath(new URL("../..", import.meta.url));
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
export const FOLDER = process.env.WIREBELL_CLIENT ?? HERE;

// What users import.
export const client = await import(pathToFileURL(join(FOLDER, "dist/index.js")));

// A part of it that users do not see.
export const part = (name) => createRequire(import.meta.url)(join(FOLDER, "dist/cjs", `${name}.js`));
