// Reports retired words in prose. Code spans, code blocks and links' addresses are not prose.
import { retired } from "../retired.mjs";

export default function retiredWords({ Syntax, getSource, report, locator, RuleError }) {
  return {
    [Syntax.Str](node) {
      const text = getSource(node);
      for (const { pattern, write } of retired) {
        for (const { 0: found, index } of text.matchAll(pattern)) {
          report(node, new RuleError(`"${found}" is retired: ${write}`, { padding: locator.range([index, index + found.length]) }));
        }
      }
    },
  };
}
