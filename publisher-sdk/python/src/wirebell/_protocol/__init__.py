"""The protocol: events, frames, key names and script calls, byte for byte.

Events come in as Python values; script arguments and frames go out; replies are parsed back. It does no
I/O and reads no clock. The same is written in Rust in `protocol/` of the repository; the vectors there
test both.
"""
