//! Parses client frames: no input panics, and white space around the text changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wirebell_protocol::frame::client::{ClientFrame, MAX_REF_BYTES};

fuzz_target!(|text: &str| {
    let parsed = ClientFrame::parse(text);
    if let Err(error) = &parsed {
        let length = error.reference.as_ref().map_or(0, String::len);
        assert!(length <= MAX_REF_BYTES, "the error repeats a `ref` of {length} bytes");
    }
    let spaced = ClientFrame::parse(&format!(" \n{text}\t "));
    assert!(parsed.ok() == spaced.ok(), "white space changed the result");
});
