//! What an outbox takes, sends and tells.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn frame(class: Class, length: usize) -> Frame {
    Frame { bytes: vec![b'x'; length].into(), class, accepted_at: 0, watched: None }
}

#[test]
fn each_class_overflows_by_its_own_name() {
    let outbox = Outbox::new(1, 100);
    assert_eq!(outbox.offer(frame(Class::Durable, 60)), Offered::Queued);
    assert_eq!(outbox.offer(frame(Class::Volatile, 60)), Offered::Dropped);
    assert_eq!(outbox.offer(frame(Class::Durable, 40)), Offered::Queued);
    assert_eq!(outbox.offer(frame(Class::Durable, 1)), Offered::Overflowed);
}

#[test]
fn a_frame_larger_than_the_outbox_passes_through_an_empty_one() {
    assert_eq!(Outbox::new(1, 10).offer(frame(Class::Durable, 60)), Offered::Queued);
}

#[tokio::test]
async fn orders_come_first_then_frames_then_what_is_to_be_read() {
    let outbox = Outbox::new(1, 10);
    outbox.offer(frame(Class::Durable, 8));
    outbox.behind(Line::log(&Channel::all()), Cursor::START);
    outbox.order(Order::Stop);
    assert!(matches!(outbox.next().await, Next::Order(Order::Stop)));
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
    assert!(
        matches!(outbox.next().await, Next::Behind(logs) if logs == [(Line::log(&Channel::all()), Cursor::START)])
    );
}

#[tokio::test]
async fn an_order_to_close_now_is_not_put_off() {
    let outbox = Outbox::new(1, 10);
    for order in [Order::Leave { after: 5 }, Order::Replaced, Order::Check, Order::Leave { after: 6 }] {
        outbox.order(order);
    }
    assert!(matches!(outbox.next().await, Next::Order(Order::Replaced)));
}

#[test]
fn an_order_is_no_larger_than_its_delay() {
    assert_eq!(size_of::<Option<Order>>(), 16);
}

/// A connection that takes so many frames and no more, and pings only while it takes any.
#[derive(Debug, Default)]
struct Narrow {
    takes: usize,
    written: Mutex<Vec<usize>>,
    pings: AtomicUsize,
    is_mute: bool,
}

impl Wire for Narrow {
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
        !self.is_mute
    }
}

fn over(wire: Narrow) -> (Outbox, Arc<Narrow>) {
    let wire = Arc::new(wire);
    (Outbox::new(1, 1000).with_wire(Some(Arc::<Narrow>::clone(&wire))), wire)
}

fn wired(takes: usize) -> (Outbox, Arc<Narrow>, Meters) {
    let (outbox, wire) = over(Narrow { takes, ..Narrow::default() });
    (outbox, wire, Meters::new(&crate::telemetry::Metrics::new().unwrap()))
}

/// Waits for something to do, in vain.
fn rest(outbox: &Outbox) {
    let mut context = std::task::Context::from_waker(Waker::noop());
    assert!(std::pin::pin!(outbox.next()).poll(&mut context).is_pending());
}

#[test]
fn what_is_for_a_session_that_rests_is_sent_together_and_without_it() {
    let (outbox, wire, meters) = wired(9);
    rest(&outbox);
    assert_eq!(outbox.offer(frame(Class::Durable, 5)), Offered::Unsent);
    assert_eq!(outbox.offer(frame(Class::Durable, 6)), Offered::Queued, "somebody sends already");
    outbox.send(&meters);
    assert_eq!(*wire.written.lock().unwrap(), [5, 6]);
    assert_eq!(outbox.bytes(), 0);
    rest(&outbox);
    assert_eq!(outbox.offer(frame(Class::Durable, 7)), Offered::Unsent);
}

#[tokio::test]
async fn a_session_that_is_busy_is_not_written_past() {
    let (outbox, wire, meters) = wired(9);
    assert_eq!(outbox.offer(frame(Class::Durable, 5)), Offered::Queued, "it has not rested yet");
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
    rest(&outbox);
    assert_eq!(outbox.offer(frame(Class::Durable, 6)), Offered::Unsent);
    outbox.stir(false);
    outbox.send(&meters);
    assert!(wire.written.lock().unwrap().is_empty());
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
}

#[tokio::test]
async fn what_the_connection_does_not_take_is_the_sessions() {
    let (outbox, _, meters) = wired(1);
    rest(&outbox);
    outbox.offer(frame(Class::Durable, 5));
    outbox.offer(frame(Class::Durable, 6));
    outbox.send(&meters);
    assert_eq!(outbox.bytes(), 6);
    assert_eq!(outbox.offer(frame(Class::Durable, 7)), Offered::Queued, "the session was woken");
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 2));
    // Where no frame is left, the rest of the one that was begun may be.
    let (outbox, _, meters) = wired(0);
    rest(&outbox);
    outbox.offer(frame(Class::Durable, 5));
    outbox.send(&meters);
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
}

#[test]
fn what_has_to_be_reported_on_is_the_sessions() {
    let (outbox, wire, meters) = wired(9);
    rest(&outbox);
    outbox.offer(frame(Class::Durable, 5));
    let watched = Arc::new(crate::hub::Watched { channel: Channel::all(), id: "1".into(), cursor: None });
    let reported = Frame { watched: Some(watched), ..frame(Class::Durable, 6) };
    assert_eq!(outbox.offer(reported), Offered::Queued);
    outbox.send(&meters);
    assert!(wire.written.lock().unwrap().is_empty());
}

#[test]
fn a_closed_outbox_takes_nothing() {
    let outbox = Outbox::new(1, 10);
    outbox.close();
    assert_eq!(outbox.offer(frame(Class::Durable, 1)), Offered::Gone);
}

#[tokio::test]
async fn who_does_not_answer_a_ping_until_the_next_is_given_up() {
    let (outbox, wire) = over(Narrow { takes: 1, ..Narrow::default() });
    rest(&outbox);
    outbox.beat();
    outbox.stir(true);
    rest(&outbox);
    outbox.beat();
    // What the hub or the clock wants of the session is no sign of life from the client.
    outbox.stir(false);
    rest(&outbox);
    assert_eq!(wire.pings.load(Ordering::Relaxed), 2);
    outbox.beat();
    assert_eq!(wire.pings.load(Ordering::Relaxed), 2);
    assert!(matches!(outbox.next().await, Next::Order(Order::Dead)));
}

#[tokio::test]
async fn a_session_that_cannot_be_spared_asks_by_itself() {
    let (busy, wire) = over(Narrow { takes: 1, ..Narrow::default() });
    let wireless = Outbox::new(1, 10);
    rest(&wireless);
    for outbox in [&busy, &wireless] {
        outbox.beat();
        // It has not come to it yet, so there is nothing that could have been answered.
        outbox.beat();
        assert!(matches!(outbox.next().await, Next::Ping));
        rest(outbox);
        outbox.beat();
        assert!(matches!(outbox.next().await, Next::Order(Order::Dead)));
    }
    assert_eq!(wire.pings.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_rest_of_a_ping_is_the_sessions() {
    let (outbox, _) = over(Narrow::default());
    rest(&outbox);
    outbox.beat();
    assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.is_empty()));
}

#[test]
fn where_nobody_answers_nobody_is_given_up() {
    let (outbox, wire) = over(Narrow { takes: 1, is_mute: true, ..Narrow::default() });
    for _ in 0..3 {
        rest(&outbox);
        outbox.beat();
    }
    assert_eq!(wire.pings.load(Ordering::Relaxed), 3);
    rest(&outbox);
}

#[tokio::test]
async fn who_has_answered_is_not_given_up_before_the_answer_is_read() {
    let (outbox, _) = over(Narrow { takes: 1, ..Narrow::default() });
    rest(&outbox);
    outbox.beat();
    // It works for longer than a period, and reads nothing meanwhile.
    outbox.stir(false);
    outbox.beat();
    rest(&outbox);
    // It reads just as it is given up.
    outbox.beat();
    outbox.stir(true);
    rest(&outbox);
}
