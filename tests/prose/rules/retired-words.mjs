// Reports retired words in prose: in text with line breaks and emphasis, in HTML, and in the titles of links. Code, link
// addresses and HTML comments are not prose.
import { StringSource } from "textlint-util-to-string";
import { retiredIn } from "../retired.mjs";

// A line break is a space: its words may be parts of one phrase.
const textOnly = ({ node, maskValue }) => (node.type === "Code" ? maskValue("\0") : node.type === "Break" ? maskValue(" ") : undefined);
const blank = (text, pattern) => text.replace(pattern, (found) => "\0".repeat(found.length));

export default function retiredWords({ Syntax, getSource, report, locator, RuleError }) {
  const check = (node, text, originalIndex = (index) => index) => {
    for (const { found, index, write } of retiredIn(blank(text, /https?:\S+/g))) {
      const what = `"${found.replace(/\s+/g, " ")}" is retired: ${write}`;
      report(node, new RuleError(what, { padding: locator.at(originalIndex(index)) }));
    }
  };
  const checkText = (node) => {
    const source = new StringSource(node, { replacer: textOnly });
    check(node, source.toString(), (index) => source.originalIndexFromIndex(index));
  };
  const checkTitle = (node) => node.title && check(node, node.title);
  return {
    [Syntax.Paragraph]: checkText,
    [Syntax.Header]: checkText,
    TableCell: checkText,
    [Syntax.Html]: (node) => check(node, blank(blank(getSource(node), /<!--[^]*?-->/g), /<[^>]*>/g)),
    [Syntax.Link]: checkTitle,
    [Syntax.Image]: checkTitle,
    Definition: checkTitle,
  };
}
