// What is said of a URL that is not one of a bus.

import { ConfigurationError } from "./errors.js";

/** The error for what is asked of a services' door in vain. */
export function httpHasNoStreams(): ConfigurationError {
  return invalidUrl("the one given is a services' door, and streams are read from Redis only");
}

/** The error for a URL. It is not shown, since it may hold a password. */
export function invalidUrl(found: string): ConfigurationError {
  return new ConfigurationError(
    "bad_url",
    "expected `redis://[user:password@]host[:port][/database]` (`rediss://` with TLS), " +
      "`redis-cluster://host[:port][?node=host:port]`, " +
      "`redis-sentinel://host[:port]?sentinelServiceName=name[&node=host:port]` or " +
      `\`http://host[:port]\` (\`https://\` with TLS) as the URL of the bus; ${found}`,
  );
}
