// Errors about the URL of the bus.

import { ConfigurationError } from "./errors.js";

/** The error for a feature that needs Redis, on an HTTP URL. */
export function httpHasNoStreams(): ConfigurationError {
  return invalidUrl("is a server API, but streams are read from Redis only");
}

/** The error for an invalid URL. It omits the URL, which may contain a password. */
export function invalidUrl(problem: string): ConfigurationError {
  return new ConfigurationError(
    "bad_url",
    `the URL of the bus ${problem}; ` +
      "expected `redis://[user:password@]host[:port][/database]` (`rediss://` with TLS), " +
      "`redis-cluster://host[:port][?node=host:port]`, " +
      "`redis-sentinel://host[:port]?sentinelServiceName=name[&node=host:port]` or " +
      "`http://host[:port]` (`https://` with TLS)",
  );
}
