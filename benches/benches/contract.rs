//! The protocol's cost for each event and for each client frame: encoding and decoding of
//! announcements, frames and events.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has to fail")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wirebell_benches::mark::{Mark, now};
use wirebell_benches::peer::Target;
use wirebell_benches::publish::PAYLOAD;
use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::{Announcement, Channel, Class, Cursor, Event, Prepared};

const EVENT: &str = r#"{"to":"user:u42","type":"payment-status","id":"m1","time":"2026-11-21T10:00:00Z","data":"#;

fn event() -> String {
    let mut event = EVENT.to_owned();
    Mark { to: Target::One(42), phase: 1, number: 7, at: now() }.payload(PAYLOAD, &mut event);
    event + "}"
}

fn announcement() -> Announcement {
    let cursor = Cursor { millis: 1_763_719_200_123, sequence: 0 };
    let event = Event::parse(event().as_bytes(), usize::MAX).unwrap();
    let frame = Prepared::all(&event)[0].frame(Some(cursor));
    Announcement {
        channel: Channel::parse("user:u42").unwrap(),
        class: Class::Durable,
        position: Some(LogPosition { cursor, previous: Cursor::START }),
        accepted_at: 1_763_719_200_123_456,
        expires_at: None,
        tracked: None,
        frame,
    }
}

fn announcements(criterion: &mut Criterion) {
    let announcement = announcement();
    let message: Bytes = announcement.encode();
    let mut group = criterion.benchmark_group("announcement");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("write", |bench| bench.iter(|| black_box(&announcement).encode()));
    group.bench_function("read", |bench| bench.iter(|| Announcement::decode(black_box(&message)).unwrap()));
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("client frame");
    for (name, text) in [
        ("ack", r#"{"type":"wirebell.ack","channel":"user:u42","cursor":"1763719200123-0"}"#),
        ("ping", r#"{"type":"wirebell.ping","ref":"9"}"#),
        (
            "subscribe",
            r#"{"type":"wirebell.subscribe","channel":"topic:news","cursor":"1763719200123-0","ref":"7"}"#,
        ),
    ] {
        group.bench_function(name, |bench| bench.iter(|| ClientFrame::parse(black_box(text)).unwrap()));
    }
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let text = event();
    let event = Event::parse(text.as_bytes(), usize::MAX).unwrap();
    let mut group = criterion.benchmark_group("event");
    group.bench_function("read", |bench| {
        bench.iter(|| Event::parse(black_box(text.as_bytes()), usize::MAX).unwrap());
    });
    group.bench_function("prepare", |bench| bench.iter(|| Prepared::all(black_box(&event))));
    group.finish();
}

criterion_group!(benches, announcements, frames, events);
criterion_main!(benches);
