// Reads the user from a token. The client does not verify the token: it only needs to know which
// cursors to send.

/** Returns the user of a token; undefined if it cannot be read here. Only the node verifies it. */
export function subject(token: string): string | undefined {
  try {
    const bytes = atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    // Decodes UTF-8 without a TextDecoder.
    const { sub } = JSON.parse(decodeURIComponent(bytes.replace(/[^]/g, (byte) => "%" + byte.charCodeAt(0).toString(16).padStart(2, "0"))));
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
