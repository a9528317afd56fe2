//! W3C Trace Context inside an event. `traceparent` is always the last member of a frame. A node
//! can therefore replace the parent id in place, without parsing the frame.

use bytes::{Bytes, BytesMut};

/// Length of a version 00 `traceparent`.
const LENGTH: usize = 55;
/// Range of the parent id in a `traceparent`.
const PARENT: std::ops::Range<usize> = 36..52;
/// The bytes of a frame after its `traceparent` value.
const END: &[u8] = b"\"}";

/// Returns whether the text is `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal, and
/// neither id is all zeros.
pub fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        parts.next().filter(|p| p.len() == length && p.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    };
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let (version, trace, parent, flags) = (hex(2), hex(32), hex(16), hex(2));
    version == Some("00")
        && trace.is_some_and(|t| !is_zero(t))
        && parent.is_some_and(|p| !is_zero(p))
        && flags.is_some()
        && parts.next().is_none()
}

/// Returns the `traceparent` of an event frame, if it has one.
pub fn of_frame(frame: &Bytes) -> Option<&str> {
    let body = frame.strip_suffix(END)?;
    let start = body.len().checked_sub(LENGTH)?;
    body[..start].ends_with(b",\"traceparent\":\"").then_some(())?;
    std::str::from_utf8(&body[start..]).ok().filter(|text| is_traceparent(text))
}

/// Returns the frame with the node's delivery span as parent id. The frame is unchanged if it has
/// no `traceparent`, or if the parent id is not sixteen characters long.
pub fn with_parent(frame: &Bytes, parent_id: &str) -> Bytes {
    if of_frame(frame).is_none() || parent_id.len() != PARENT.len() {
        return frame.clone();
    }
    let start = frame.len() - END.len() - LENGTH;
    let mut copy = BytesMut::from(frame.as_ref());
    copy[start + PARENT.start..start + PARENT.end].copy_from_slice(parent_id.as_bytes());
    copy.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_version_00_with_real_ids_passes() {
        assert!(is_traceparent(TRACEPARENT));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn node_replaces_the_parent_id() {
        let frame = Bytes::from(format!(r#"{{"type":"t","data":"é","traceparent":"{TRACEPARENT}"}}"#));
        assert_eq!(of_frame(&frame), Some(TRACEPARENT));
        let ours = with_parent(&frame, "00000000000000aa");
        assert_eq!(of_frame(&ours), Some("00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01"));
        let plain = Bytes::from_static(br#"{"type":"t","data":"x"}"#);
        assert_eq!(with_parent(&plain, "00000000000000aa"), plain);
    }
}
