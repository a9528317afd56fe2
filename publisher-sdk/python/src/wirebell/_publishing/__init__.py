"""Publishing: the two publishers, delivery in order with retries, and the buffer of `enqueue`.

Events come in from the caller; prepared runs of events go out to a transport, and results return. It
opens no socket, and does not know which transport is used.
"""
