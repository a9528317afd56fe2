//! Stamps an event with its id and time before the first attempt, so that every retry sends the
//! same event.

use time::OffsetDateTime;
use ulid::Ulid;
use wirebell_protocol::event::rfc3339;
use wirebell_protocol::{Class, Durability, Event};

/// Sets a ULID and the current time where the event has none. Returns its id.
pub(crate) fn stamp(event: &mut Event) -> String {
    event.stamp(|| Ulid::generate().to_string(), || rfc3339(OffsetDateTime::now_utc()));
    event.event_id().unwrap_or_default().to_owned()
}

/// Sets the durability if the event has none. Volatile events stay without one, since they are not
/// stored.
pub(crate) fn with_durability(event: Event, default: Option<Durability>) -> Event {
    match default {
        Some(default) if event.event_durability().is_none() && event.event_class() != Class::Volatile => {
            event.clone().durability(default).unwrap_or(event)
        }
        _ => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_milliseconds_even_if_zero() {
        let at = OffsetDateTime::from_unix_timestamp(1_763_719_200).unwrap();
        assert_eq!(rfc3339(at), "2025-11-21T10:00:00.000Z");
        assert_eq!(rfc3339(at + time::Duration::microseconds(7_900)), "2025-11-21T10:00:00.007Z");
    }

    #[test]
    fn stamp_keeps_the_publishers_id() {
        let mut event = Event::from_json("user:42", "t", "1").unwrap().id("order-7").unwrap();
        assert_eq!(stamp(&mut event), "order-7");
        assert!(event.to_json().contains(r#""time":"20"#), "{}", event.to_json());
    }

    #[test]
    fn second_stamp_changes_nothing() {
        let mut event = Event::from_json("user:42", "t", "1").unwrap();
        let id = stamp(&mut event);
        let json = event.to_json();
        assert_eq!((stamp(&mut event), event.to_json()), (id.clone(), json));
        assert!(id.parse::<Ulid>().is_ok(), "{id}");
    }
}
