// Everything that users read, checked by the prose linter: README, docs, package READMEs, API descriptions, help texts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { lint } from "./lint.mjs";
import { retiredIn } from "./retired.mjs";

const root = new URL("../../", import.meta.url);
const wirebell = process.env.WIREBELL_BIN ?? new URL("target/release/wirebell", root).pathname;
const read = (path) => readFileSync(new URL(path, root), "utf8");
const passes = async (path, content) => {
  const faults = await lint(path, content);
  assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join("\n")}`);
};

const planted = [
  ["The publisher is told when the event arrives.", /"told" is retired/],
  ["What nobody acknowledges goes to the fallback stream.", /"nobody" is retired/],
  ["A client that comes back gets everything.", /"comes back" is retired/],
  [`The event ${"and the next event ".repeat(8)}arrive.`, /35 words in a sentence/],
  ["The gatewy delivers.", /"gatewy" is not in the dictionary/],
  ["| a | b |\n| - | - |\n| x | whoever connects |", /"whoever" is retired/],
  ["A client that comes\nback gets everything.", /:3: "comes back" is retired/],
  ["First line.\nA client that **comes** back gets everything.", /:4: "comes back" is retired/],
  ["![who is told](picture.png)", /"told" is retired/],
  ['See [the page](page.md "who is told").', /"told" is retired/],
  ["<div>\nThe client is told.\n</div>", /:4: "told" is retired/],
  ["<details>\n<summary>Who is told</summary>\n\nText.\n\n</details>", /:4: "told" is retired/],
  ["If a < gatewy and b > c.", /"gatewy" is not in the dictionary/],
  ["One ` alone.\n\nThe gatewy delivers ` again.", /"gatewy" is not in the dictionary/],
];
for (const [sentence, fault] of planted) {
  test(`a planted bad sentence is found: ${sentence.slice(0, 40)}`, async () => {
    const faults = await lint("planted.md", `# Title\n\n${sentence}\n`);
    assert.equal(faults.length, 1, faults.join("\n"));
    assert.match(faults[0], fault);
  });
}

test("good prose and code pass", async () => {
  await passes("good.md", "# Resume\n\nThe client reconnects with its cursor. See `told` and [the docs](https://example.org/told).\n\n```\nnobody told gatewy\n```\n");
  await passes("fences.md", "# Fences\n\n~~~text\ngatewy\n~~~\n\n````md\n```\ngatewy\n```\n````\n");
  await passes("addresses.md", "# Addresses\n\nSee <https://example.org/told> and https://example.org/told.\n\nIt comes `x` back.\n\n<!-- told -->\n");
});

const documents = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" }).split("\n").filter(Boolean);
test("there are documents to check", () => assert.ok(documents.length > 30, `only ${documents.length} were found`));
for (const path of documents) test(path, () => passes(path, read(path)));

// Returns a heading's anchor, as code hosts make it.
const anchor = (heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");
const anchors = (path) => [...read(path).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => anchor(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")));
test("links between documents and files lead somewhere", () => {
  const broken = documents.flatMap((path) => {
    const links = [...read(path).replaceAll(/^ *```[^]*?^ *```/gm, "").matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
    return links.filter(([, file, fragment]) => {
      const target = file ? posix.join(posix.dirname(path), file) : path;
      if (!existsSync(new URL(target, root))) return true;
      return fragment && target.endsWith(".md") && !anchors(target).includes(fragment);
    }).map(([link]) => `${path}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

// Comments of source code follow the same list of words. Their spelling and length are up to reviewers.
const COMMENT = /(?:^|\s)(?:\/\/[/!]?|#(?![[!])|--|\/?\*+)\s(.*)/;
const commentFaults = (path, content) =>
  content.split("\n").flatMap((line, index) => {
    const comment = line.match(COMMENT)?.[1].replaceAll(/`[^`]*`/g, "") ?? "";
    return retiredIn(comment).map(({ found, write }) => `${path}:${index + 1}: "${found}" is retired: ${write}`);
  });
test("a planted bad comment is found", () => {
  assert.equal(commentFaults("planted.rs", 'let told = 1; // The client is told.\nlet a = "told";\n//! What `told` means.').length, 1);
  assert.equal(commentFaults("planted.ts", "/** The client is told. */\n * Who is told.\nf(); /* told */\n").length, 3);
});
test("comments have no retired words", () => {
  const kinds = ["*.rs", "*.ts", "*.tsx", "*.js", "*.mjs", "*.py", "*.lua", "*/run"];
  const sources = execFileSync("git", ["ls-files", ...kinds], { cwd: root, encoding: "utf8" }).split("\n").filter((path) => path && !path.startsWith("tests/prose/"));
  assert.ok(sources.length > 500, `only ${sources.length} files were found`);
  const faults = sources.flatMap((path) => commentFaults(path, read(path)));
  assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join("\n")}`);
});

// Collects the texts that an API description has for people.
function* texts(value, path) {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === "string" && ["title", "summary", "description"].includes(key)) yield [`${path}/${key}`, inner];
    else if (inner && typeof inner === "object") yield* texts(inner, `${path}/${key}`);
  }
}
for (const path of ["protocol/openapi.json", "protocol/asyncapi.json"]) {
  test(path, async () => {
    const found = [...texts(JSON.parse(read(path)), "#")];
    assert.ok(found.length > 50, `only ${found.length} texts were found`);
    const faults = [];
    for (const [where, text] of found) faults.push(...(await lint(`${where}.md`, text)));
    assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join("\n")}`);
  });
}

const help = (command) => execFileSync(wirebell, [...command, "--help"], { encoding: "utf8" });
const commands = help([]).split(/^Commands:$/m)[1].split(/\n\n/)[0].matchAll(/^ {2}(\S+)/gm);
for (const command of [[], ...[...commands].map(([, name]) => [name]).filter(([name]) => name !== "help")]) {
  test(`${["wirebell", ...command].join(" ")} --help`, () => passes("help.txt", help(command)));
}
