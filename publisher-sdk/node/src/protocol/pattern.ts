// Channel patterns. `*` matches any characters, or none; no other character is special.

/** Returns whether the pattern matches the whole name. */
export function matches(pattern: string, name: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces.shift() ?? "";
  if (!name.startsWith(first)) return false;
  let rest = name.slice(first.length);
  const last = pieces.pop();
  if (last === undefined) return rest === "";
  for (const piece of pieces) {
    const at = rest.indexOf(piece);
    if (at < 0) return false;
    rest = rest.slice(at + piece.length);
  }
  return rest.endsWith(last);
}
