// The prose linter: retired words and long sentences by textlint, spelling by cspell.
import { TextlintKernelDescriptor } from "@textlint/kernel";
import markdown from "@textlint/textlint-plugin-markdown";
import text from "@textlint/textlint-plugin-text";
import { spellCheckDocument } from "cspell-lib";
import { createLinter } from "textlint";
import { readFile } from "node:fs/promises";
import retiredWords from "./rules/retired-words.mjs";
import sentenceLength from "./rules/sentence-length.mjs";

const plugin = (module) => module.default ?? module;
const linter = createLinter({
  descriptor: new TextlintKernelDescriptor({
    rules: [
      { ruleId: "retired-words", rule: retiredWords },
      { ruleId: "sentence-length", rule: sentenceLength },
    ],
    plugins: [
      { pluginId: "@textlint/markdown", plugin: plugin(markdown) },
      { pluginId: "@textlint/text", plugin: plugin(text) },
    ],
    filterRules: [],
  }),
});

// American English, the names of software, and this project's own words.
const spelling = {
  language: "en-US",
  dictionaries: ["en_us", "softwareTerms", "companies", "filetypes", "typescript", "node", "npm", "bash", "python", "rust", "docker", "k8s", "html"],
  words: (await readFile(new URL("words.txt", import.meta.url), "utf8")).split("\n").filter(Boolean),
};

// Code and addresses are not prose. Blanks in their place keep the lines.
const CODE = [/^ *(`{3,}|~{3,})[^]*?^ *\1/gm, /(?<!`)(`+)(?!`)(?:(?!\n\n)[^])*?[^`]\1(?!`)/g, /\]\([^)]*\)/g, /https?:\S+/g, /whsec_\S+/g, /<[/!a-z][^>\n]*>/gi];
const withoutCode = (content) => CODE.reduce((text, code) => text.replace(code, (found) => found.replaceAll(/\S/g, " ")), content);

/** Returns the faults of a text, as `path:line: what`. The path's ending says how it is read: `.md` or `.txt`. */
export async function lint(path, content) {
  const { messages } = await linter.lintText(content, path);
  const document = { uri: `file:///${path}`, text: withoutCode(content), languageId: path.endsWith(".md") ? "markdown" : "plaintext" };
  const { issues } = await spellCheckDocument(document, { noConfigSearch: true, generateSuggestions: false }, spelling);
  const faults = [
    ...messages.map(({ line, message }) => ({ line, what: message })),
    ...issues.map(({ offset, text: word }) => ({ line: lineOf(content, offset), what: `"${word}" is not in the dictionary: correct it, or add it to tests/prose/words.txt` })),
  ];
  return faults.sort((one, other) => one.line - other.line).map(({ line, what }) => `${path}:${line}: ${what}`);
}

const lineOf = (content, offset) => content.slice(0, offset).split("\n").length;
