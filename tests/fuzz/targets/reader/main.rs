//! Reads a client's bytes in pieces of any size. The reader never panics, and the pieces do not change the result. It
//! agrees with tungstenite's reading half, except for the differences in `ReadResult::assert_agrees`.
#![no_main]

mod read_result;
// The gateway's own source files: the reader is private to the gateway, and without the gateway this builds in a minute.
#[path = "../../../../gateway/src/transport/websocket/header.rs"]
#[expect(dead_code, reason = "the writing half")]
mod header;
#[path = "../../../../gateway/src/transport/websocket/reader.rs"]
#[expect(dead_code, reason = "the close codes")]
mod reader;
mod tungstenite;

use libfuzzer_sys::fuzz_target;

use read_result::ReadResult;

/// The largest message. Inputs are longer, so some exceed it.
const MAX_BYTES: usize = 300;

fuzz_target!(|input: ([u8; 4], &[u8])| {
    let (sizes, bytes) = input;
    let whole = ReadResult::of([bytes]);
    assert_eq!(whole, ReadResult::of(pieces(sizes, bytes)), "the result depends on the pieces");
    whole.until_close().assert_agrees(bytes);
});

/// Splits the bytes into pieces of these sizes, repeatedly. A size of 0 counts as 1.
fn pieces(sizes: [u8; 4], mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut sizes = sizes.into_iter().cycle();
    std::iter::from_fn(move || {
        let size = usize::from(sizes.next()?).clamp(1, bytes.len().max(1));
        let (piece, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(piece)
    })
}
