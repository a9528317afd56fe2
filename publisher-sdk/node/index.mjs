// The same module for `import` as for `require`: one copy of every class, so that `instanceof` holds across both.
export {
  ClosedError,
  ConfigurationError,
  FAULTS,
  InvalidEventError,
  NotAcknowledgedError,
  Published,
  Publisher,
  RawJson,
  RefusedError,
  TimedOutError,
  UnavailableError,
  WirebellError,
  compareCursors,
  parseEvent,
  rawJson,
} from "./dist/index.js";
