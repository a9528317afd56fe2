//! An announcement off the bus: none makes a node panic, and what can be read is written so that it reads the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wirebell_protocol::announcement::Announcement;

fuzz_target!(|data: &[u8]| {
    let Ok(announcement) = Announcement::decode(&Bytes::copy_from_slice(data)) else { return };
    assert_eq!(Announcement::decode(&announcement.encode()).as_ref(), Ok(&announcement));
});
