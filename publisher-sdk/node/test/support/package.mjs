// The package under test: the one that `run` installed from its tarball, or this folder.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const FOLDER = process.env.WIREBELL_PUBLISHER ?? fileURLToPath(new URL("../..", import.meta.url));
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

// The public module.
export const sdk = await import(pathToFileURL(join(FOLDER, "index.mjs")));

// An internal module of the package.
export const part = (path) => import(pathToFileURL(join(FOLDER, "dist", path)));

// The test vectors that every port of the protocol must pass.
export const vectors = (file) => JSON.parse(readFileSync(join(ROOT, "protocol/vectors", file), "utf8"));
