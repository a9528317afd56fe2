// What the client itself reads of a token. It trusts none of it: it only has to know whose cursors to bring.

/** The user that a token is for; undefined if that cannot be read here. The node is the one who decides. */
export function subject(token: string): string | undefined {
  try {
    const text = atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    const { sub } = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
