//! Bytes of a client, in any pieces. The reader never panics, nor does it matter how the bytes were cut: the same
//! messages come, and the same end. And it agrees with tungstenite's reading half, save where `Course::agrees` says why.
#![no_main]

mod course;
// The very files of the gateway: its reader is nobody else's business, and without the gateway this is built in a
// minute.
#[path = "../../../../gateway/src/transport/websocket/header.rs"]
#[expect(dead_code, reason = "the writing half")]
mod header;
#[path = "../../../../gateway/src/transport/websocket/reader.rs"]
#[expect(dead_code, reason = "how a violation is told")]
mod reader;
mod tungstenite;

use libfuzzer_sys::fuzz_target;

use course::Course;

/// Of one message. Inputs are longer, so that it is reached.
const MOST_BYTES: usize = 300;

fuzz_target!(|input: ([u8; 4], &[u8])| {
    let (sizes, bytes) = input;
    let whole = Course::of([bytes]);
    assert_eq!(whole, Course::of(pieces(sizes, bytes)), "cut differently");
    whole.until_goodbye().agrees(bytes);
});

/// The bytes in pieces of these sizes, over and over. A size of 0 is one of 1.
fn pieces(sizes: [u8; 4], mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut sizes = sizes.into_iter().cycle();
    std::iter::from_fn(move || {
        let size = usize::from(sizes.next()?).clamp(1, bytes.len().max(1));
        let (piece, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(piece)
    })
}
