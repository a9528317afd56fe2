// Reports sentences of more than 30 words. Code spans do not count: a list of names is easy to read.
import { SentenceSplitterSyntax, splitAST } from "sentence-splitter";
import { StringSource } from "textlint-util-to-string";

export const MOST_WORDS = 30;

const isWord = (token) => /[\p{L}\p{N}]/u.test(token);
const withoutCode = ({ node, maskValue }) => (node.type === "Code" ? maskValue(" ") : undefined);
export const words = (sentence) => new StringSource(sentence, { replacer: withoutCode }).toString().split(/\s+/u).filter(isWord).length;

export default function sentenceLength({ Syntax, report, RuleError }) {
  const check = (node) => {
    // A table's cell and a heading are split as a paragraph is.
    for (const sentence of splitAST({ ...node, type: Syntax.Paragraph }).children) {
      const count = sentence.type === SentenceSplitterSyntax.Sentence ? words(sentence) : 0;
      if (count > MOST_WORDS) report(sentence, new RuleError(`${count} words in a sentence: at most ${MOST_WORDS}`));
    }
  };
  return { [Syntax.Paragraph]: check, [Syntax.Header]: check, TableCell: check };
}
