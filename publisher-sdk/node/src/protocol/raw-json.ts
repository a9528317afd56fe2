// JSON text that reaches clients byte for byte, without being parsed and written again.

/** JSON text as the `data` of an event. */
export class RawJson {
  /** The text as given, without surrounding whitespace. */
  readonly text: string;

  /** @throws SyntaxError if the text is not JSON. */
  constructor(text: string) {
    JSON.parse(text);
    // These are the only whitespace characters of JSON outside strings. At the ends they mean
    // nothing.
    this.text = text.replace(/^[ \t\n\r]+|[ \t\n\r]+$/g, "");
  }

  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}

/** JSON text as the `data` of an event: `{ to, type, data: rawJson(text) }`. */
export function rawJson(text: string): RawJson {
  return new RawJson(text);
}

/**
 * Returns the members of a JSON object, each with its value as text. The text must be valid JSON.
 * `twice` is the first name that occurs twice, if any.
 */
export function members(text: string): { found: Map<string, string>; twice: string | undefined } {
  const found = new Map<string, string>();
  let twice: string | undefined;
  let at = space(text, text.indexOf("{") + 1);
  while (text[at] !== "}") {
    const name = JSON.parse(text.slice(at, (at = value(text, at)))) as string;
    const begun = space(text, space(text, at) + 1);
    const ended = value(text, begun);
    if (found.has(name)) twice ??= name;
    found.set(name, text.slice(begun, ended));
    at = space(text, ended);
    if (text[at] === ",") at = space(text, at + 1);
  }
  return { found, twice };
}

function space(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t" || text[at] === "\n" || text[at] === "\r") at += 1;
  return at;
}

// Returns where the value that starts at `from` ends. The text is valid JSON, so the kinds of
// brackets need not match.
function value(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return string(text, from);
  if (first !== "{" && first !== "[") {
    let at = from;
    while (at < text.length && !',]} \t\n\r'.includes(text[at] ?? "")) at += 1;
    return at;
  }
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = string(text, at) - 1;
    else if (character === "{" || character === "[") depth += 1;
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}

function string(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}
