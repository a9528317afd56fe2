"""I/O interfaces: waiting, Redis connections and HTTP requests, and the failures they return.

The logic of this package is written once, as coroutines that use these interfaces. An asyncio program
awaits them. In a blocking program every interface blocks, so a coroutine runs to its end without being
suspended. This package also owns retries. It does not know about events or channels.
"""
