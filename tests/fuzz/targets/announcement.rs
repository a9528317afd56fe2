//! Decodes announcements from the bus: no input panics, and a decoded announcement survives a round trip.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wirebell_protocol::announcement::Announcement;

fuzz_target!(|data: &[u8]| {
    let Ok(announcement) = Announcement::decode(&Bytes::copy_from_slice(data)) else { return };
    assert_eq!(Announcement::decode(&announcement.encode()).as_ref(), Ok(&announcement));
});
