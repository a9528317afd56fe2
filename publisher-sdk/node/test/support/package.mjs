// The package under test: the one that `run` has installed from its tarball.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const FOLDER = process.env.WIREBELL_PUBLISHER ?? fileURLToPath(new URL("../..", import.meta.url));
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

// What users import.
export const sdk = await import(pathToFileURL(join(FOLDER, "index.mjs")));

// A part of it that users do not see.
export const part = (path) => import(pathToFileURL(join(FOLDER, "dist", path)));

// The vectors to which every port of the protocol is held.
export const vectors = (file) => JSON.parse(readFileSync(join(ROOT, "protocol/vectors", file), "utf8"));
