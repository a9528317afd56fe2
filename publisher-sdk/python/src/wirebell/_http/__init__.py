"""HTTP transport: publishes through the server API of a node, or of a load balancer for several nodes.

It owns the requests to `/v1/events` and reads the responses: publish results, receipts and problem
documents. Events come in from `_publishing`; results or failures go out. It does not know about Redis,
retries or the buffer.
"""
