"""Inbox: client events as jobs of a worker.

It owns the event type that handlers get, reads inbox entries into jobs, and finishes them: a reply, a
skip or a dead letter. Entries come in from `_redis`; replies go out to the node of the client's connection.
It does not know how jobs are leased or retried: `_workers` does.
"""
