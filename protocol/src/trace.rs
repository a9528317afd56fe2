//! W3C trace context inside an event. `traceparent` is always the last member of a frame, so that a node can put
//! its own span in place without reading the frame again.

use bytes::{Bytes, BytesMut};

/// The length of a version 00 `traceparent`.
const LENGTH: usize = 55;
/// Where the parent id stands in it.
const PARENT: std::ops::Range<usize> = 36..52;
/// How a frame that carries one ends, behind the value.
const END: &[u8] = b"\"}";

/// Is it `00-<trace id>-<parent id>-<flags>`, in lower-case hexadecimal, with neither id all zeros?
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

/// The `traceparent` of an event frame, if it carries one.
pub fn of_frame(frame: &Bytes) -> Option<&str> {
    let body = frame.strip_suffix(END)?;
    let start = body.len().checked_sub(LENGTH)?;
    body[..start].ends_with(b",\"traceparent\":\"").then_some(())?;
    std::str::from_utf8(&body[start..]).ok().filter(|text| is_traceparent(text))
}

/// The same frame with another parent id: the span in which the node delivers it. A frame without a `traceparent`,
/// or a parent id that is not sixteen characters, leaves it as it is.
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

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_version_00_with_real_ids_passes() {
        assert!(is_traceparent(GIVEN));
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
    fn a_node_puts_its_own_span_in() {
        let frame = Bytes::from(format!(r#"{{"type":"t","data":"é","traceparent":"{GIVEN}"}}"#));
        assert_eq!(of_frame(&frame), Some(GIVEN));
        let ours = with_parent(&frame, "00000000000000aa");
        assert_eq!(of_frame(&ours), Some("00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01"));
        let plain = Bytes::from_static(br#"{"type":"t","data":"x"}"#);
        assert_eq!(with_parent(&plain, "00000000000000aa"), plain);
    }
}
