// What the client itself reads of a token. It trusts none of it: it only has to know whose cursors to bring.

/** The user that a token is for; undefined if that cannot be read here. The node is the one who decides. */
export function subject(token: string): string | undefined {
  try {
    const bytes = atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    // UTF-8, also where there is no TextDecoder.
    const { sub } = JSON.parse(decodeURIComponent(bytes.replace(/[^]/g, (byte) => "%" + byte.charCodeAt(0).toString(16).padStart(2, "0"))));
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
