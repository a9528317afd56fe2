"""The contract: what a publisher and the bus say to each other, byte for byte. No I/O and no clock.

`protocol/` of the repository says the same in Rust, and its vectors hold both to it.
"""
