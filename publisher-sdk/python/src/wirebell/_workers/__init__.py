"""Workers of consumer groups: they lease stream entries, run handlers, retry, and take over from dead workers.

It owns the queue of leased entries and the task that fetches them. Entries come in from `_redis`; jobs go
out to handlers; results, retries and dead letters go back. It does not know what a job is: `_inbox` and
`_tracking` define that.
"""
