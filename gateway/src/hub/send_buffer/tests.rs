//! Tests of the send buffer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn frame(class: Class, length: usize) -> Frame {
    Frame { bytes: vec![b'x'; length].into(), class, accepted_at: 0, tracked: None }
}

#[test]
fn full_buffer_drops_volatile_frames_and_overflows_durable_ones() {
    let buffer = SendBuffer::new(1, 100);
    assert_eq!(buffer.push(frame(Class::Durable, 60)), PushResult::Queued);
    assert_eq!(buffer.push(frame(Class::Volatile, 60)), PushResult::Dropped);
    assert_eq!(buffer.push(frame(Class::Durable, 40)), PushResult::Queued);
    assert_eq!(buffer.push(frame(Class::Durable, 1)), PushResult::Overflowed);
}

#[test]
fn frame_larger_than_the_limit_fits_an_empty_buffer() {
    assert_eq!(SendBuffer::new(1, 10).push(frame(Class::Durable, 60)), PushResult::Queued);
}

#[tokio::test]
async fn commands_come_first_then_frames_then_catch_up() {
    let buffer = SendBuffer::new(1, 10);
    buffer.push(frame(Class::Durable, 8));
    buffer.request_catch_up(ChannelLog::durable(&Channel::all()), Cursor::START);
    buffer.command(SessionCommand::Stop);
    assert!(matches!(buffer.next().await, Next::Command(SessionCommand::Stop)));
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.len() == 1));
    assert!(
        matches!(buffer.next().await, Next::CatchUp(logs) if logs == [(ChannelLog::durable(&Channel::all()), Cursor::START)])
    );
}

#[tokio::test]
async fn closing_command_is_not_replaced() {
    let buffer = SendBuffer::new(1, 10);
    for command in [
        SessionCommand::Reconnect { after: 5 },
        SessionCommand::Replaced,
        SessionCommand::CheckToken,
        SessionCommand::Reconnect { after: 6 },
    ] {
        buffer.command(command);
    }
    assert!(matches!(buffer.next().await, Next::Command(SessionCommand::Replaced)));
}

#[test]
fn command_is_16_bytes() {
    assert_eq!(size_of::<Option<SessionCommand>>(), 16);
}

/// A connection that takes a limited number of frames, and pings only while it takes any.
#[derive(Debug, Default)]
struct LimitedWire {
    takes: usize,
    written: Mutex<Vec<usize>>,
    pings: AtomicUsize,
    sends_no_pong: bool,
}

impl Wire for LimitedWire {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        let count = frames.len().min(self.takes);
        self.written.lock().unwrap().extend(frames.iter().take(count).map(|frame| frame.bytes.len()));
        if count == frames.len() { Written::All } else { Written::Some(count) }
    }

    fn try_ping(&self) -> Pinged {
        self.pings.fetch_add(1, Ordering::Relaxed);
        if self.takes == 0 { Pinged::Begun } else { Pinged::All }
    }

    fn is_answered(&self) -> bool {
        !self.sends_no_pong
    }
}

fn with_wire(wire: LimitedWire) -> (SendBuffer, Arc<LimitedWire>) {
    let wire = Arc::new(wire);
    (SendBuffer::new(1, 1000).with_wire(Some(Arc::<LimitedWire>::clone(&wire))), wire)
}

fn wired(takes: usize) -> (SendBuffer, Arc<LimitedWire>, Meters) {
    let (buffer, wire) = with_wire(LimitedWire { takes, ..LimitedWire::default() });
    (buffer, wire, Meters::new(&crate::telemetry::Metrics::new().unwrap()))
}

/// Polls for work and finds none, so that the session becomes idle.
fn make_idle(buffer: &SendBuffer) {
    let mut context = std::task::Context::from_waker(Waker::noop());
    assert!(std::pin::pin!(buffer.next()).poll(&mut context).is_pending());
}

#[test]
fn frames_of_an_idle_session_are_sent_together_without_waking_it() {
    let (buffer, wire, meters) = wired(9);
    make_idle(&buffer);
    assert_eq!(buffer.push(frame(Class::Durable, 5)), PushResult::Unsent);
    assert_eq!(buffer.push(frame(Class::Durable, 6)), PushResult::Queued, "a send is scheduled already");
    buffer.send(&meters);
    assert_eq!(*wire.written.lock().unwrap(), [5, 6]);
    assert_eq!(buffer.bytes(), 0);
    make_idle(&buffer);
    assert_eq!(buffer.push(frame(Class::Durable, 7)), PushResult::Unsent);
}

#[tokio::test]
async fn hub_does_not_write_for_a_busy_session() {
    let (buffer, wire, meters) = wired(9);
    assert_eq!(buffer.push(frame(Class::Durable, 5)), PushResult::Queued, "it was not idle yet");
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.len() == 1));
    make_idle(&buffer);
    assert_eq!(buffer.push(frame(Class::Durable, 6)), PushResult::Unsent);
    buffer.mark_busy(false);
    buffer.send(&meters);
    assert!(wire.written.lock().unwrap().is_empty());
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.len() == 1));
}

#[tokio::test]
async fn session_writes_what_the_connection_did_not_take() {
    let (buffer, _, meters) = wired(1);
    make_idle(&buffer);
    buffer.push(frame(Class::Durable, 5));
    buffer.push(frame(Class::Durable, 6));
    buffer.send(&meters);
    assert_eq!(buffer.bytes(), 6);
    assert_eq!(buffer.push(frame(Class::Durable, 7)), PushResult::Queued, "the session was woken");
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.len() == 2));
    // Without whole frames left, the rest of a partly written one may remain.
    let (buffer, _, meters) = wired(0);
    make_idle(&buffer);
    buffer.push(frame(Class::Durable, 5));
    buffer.send(&meters);
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.len() == 1));
}

#[test]
fn tracked_frame_is_written_by_the_session() {
    let (buffer, wire, meters) = wired(9);
    make_idle(&buffer);
    buffer.push(frame(Class::Durable, 5));
    let tracked = Arc::new(crate::hub::Tracked { channel: Channel::all(), id: "1".into(), cursor: None });
    let reported = Frame { tracked: Some(tracked), ..frame(Class::Durable, 6) };
    assert_eq!(buffer.push(reported), PushResult::Queued);
    buffer.send(&meters);
    assert!(wire.written.lock().unwrap().is_empty());
}

#[test]
fn closed_buffer_takes_nothing() {
    let buffer = SendBuffer::new(1, 10);
    buffer.close();
    assert_eq!(buffer.push(frame(Class::Durable, 1)), PushResult::Closed);
}

#[tokio::test]
async fn client_that_misses_a_ping_times_out() {
    let (buffer, wire) = with_wire(LimitedWire { takes: 1, ..LimitedWire::default() });
    make_idle(&buffer);
    buffer.heartbeat();
    buffer.mark_busy(true);
    make_idle(&buffer);
    buffer.heartbeat();
    // Work that the hub or a timer causes is no sign of life from the client.
    buffer.mark_busy(false);
    make_idle(&buffer);
    assert_eq!(wire.pings.load(Ordering::Relaxed), 2);
    buffer.heartbeat();
    assert_eq!(wire.pings.load(Ordering::Relaxed), 2);
    assert!(matches!(buffer.next().await, Next::Command(SessionCommand::TimedOut)));
}

#[tokio::test]
async fn busy_or_wireless_session_pings_by_itself() {
    let (busy, wire) = with_wire(LimitedWire { takes: 1, ..LimitedWire::default() });
    let wireless = SendBuffer::new(1, 10);
    make_idle(&wireless);
    for buffer in [&busy, &wireless] {
        buffer.heartbeat();
        // The session has not sent the ping yet, so no answer can be missing.
        buffer.heartbeat();
        assert!(matches!(buffer.next().await, Next::Ping));
        make_idle(buffer);
        buffer.heartbeat();
        assert!(matches!(buffer.next().await, Next::Command(SessionCommand::TimedOut)));
    }
    assert_eq!(wire.pings.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn session_writes_the_rest_of_a_ping() {
    let (buffer, _) = with_wire(LimitedWire::default());
    make_idle(&buffer);
    buffer.heartbeat();
    assert!(matches!(buffer.next().await, Next::Frames(frames) if frames.is_empty()));
}

#[test]
fn unanswered_pings_are_ignored_where_clients_send_no_pong() {
    let (buffer, wire) = with_wire(LimitedWire { takes: 1, sends_no_pong: true, ..LimitedWire::default() });
    for _ in 0..3 {
        make_idle(&buffer);
        buffer.heartbeat();
    }
    assert_eq!(wire.pings.load(Ordering::Relaxed), 3);
    make_idle(&buffer);
}

#[tokio::test]
async fn client_does_not_time_out_before_its_answer_is_read() {
    let (buffer, _) = with_wire(LimitedWire { takes: 1, ..LimitedWire::default() });
    make_idle(&buffer);
    buffer.heartbeat();
    // The session works for longer than a period and reads nothing meanwhile.
    buffer.mark_busy(false);
    buffer.heartbeat();
    make_idle(&buffer);
    // The session reads the answer just as it times out.
    buffer.heartbeat();
    buffer.mark_busy(true);
    make_idle(&buffer);
}
