// Where it is said what nobody waits for: that the bus is away, that the buffer is full, that an event was refused.

/** Takes a sentence and what it is about. `console` is one. */
export interface Logger {
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

const PREFIX = "wirebell: ";

/** The logger that was chosen. Whatever it throws stays there: nobody who publishes must fail over it. */
export function safeLogger(logger: Logger | false | undefined): Logger {
  if (logger === false) return { warn: () => {}, error: () => {} };
  const chosen = logger ?? console;
  const say = (level: keyof Logger) => (message: string, fields: Record<string, unknown>) => {
    try {
      chosen[level](PREFIX + message, fields);
    } catch {
      // There is nobody left to tell.
    }
  };
  return { warn: say("warn"), error: say("error") };
}
