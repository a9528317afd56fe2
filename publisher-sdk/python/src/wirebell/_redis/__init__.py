"""Redis transport: a single server, a primary that sentinels name, or a Cluster.

It owns the connections, the routing of commands to primaries, the Lua script calls and the stream readers.
Events come in from `_publishing`, jobs go out to `_workers` and `_tracking`. A single server is treated as
one primary with all slots. When a reply says that a server is the wrong one, the routes are dropped, and
the next request looks them up again. It does not know about retries of a caller.
"""
