"""What becomes of an event after the bus has it: acknowledgements, the stream of receipts, fallbacks."""
