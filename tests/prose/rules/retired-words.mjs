// Reports retired words in prose. Code spans, code blocks and links' addresses are not prose.
import { retiredIn } from "../retired.mjs";

export default function retiredWords({ Syntax, getSource, report, locator, RuleError }) {
  return {
    [Syntax.Str](node) {
      for (const { found, index, write } of retiredIn(getSource(node))) {
        report(node, new RuleError(`"${found}" is retired: ${write}`, { padding: locator.range([index, index + found.length]) }));
      }
    },
  };
}
