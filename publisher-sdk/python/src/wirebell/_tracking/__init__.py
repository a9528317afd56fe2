"""Tracking: acknowledgements, the stream of receipts, and fallback events.

It owns what happens to an event after the bus has it: waiting for an acknowledgement, reading delivery
updates, and the job type of the fallback workers. Receipts and stream entries come in from a transport;
results and updates go out. It does not know how events are published.
"""
