// The log of background problems: the bus is unreachable, the buffer is full, an event was
// rejected.

/** A log sink: takes a message and its fields. `console` is one. */
export interface Logger {
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

const PREFIX = "wirebell: ";

/**
 * Wraps the given logger and ignores what it throws: a broken logger must not make publishing fail.
 */
export function safeLogger(logger: Logger | false | undefined): Logger {
  if (logger === false) return { warn: () => {}, error: () => {} };
  const sink = logger ?? console;
  const log = (level: keyof Logger) => (message: string, fields: Record<string, unknown>) => {
    try {
      sink[level](PREFIX + message, fields);
    } catch {
      // There is no other place to report it.
    }
  };
  return { warn: log("warn"), error: log("error") };
}
