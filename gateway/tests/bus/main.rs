//! The contract of the bus, as `gateway::bus` states it: one suite, run over every bus there is. Redis is
//! real: one server, servers with sentinels, and a Cluster of three primaries, all on free ports.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod contract;
mod fixture;
mod moves;
mod redis_only;

/// Runs the whole suite over one kind of bus.
macro_rules! contract {
    ($bus:ident, $start:expr, [$($check:ident),+ $(,)?]) => {
        mod $bus {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::contract::$check($start.await).await;
                }
            )+
        }
    };
}

macro_rules! every_check {
    ($bus:ident, $start:expr) => {
        contract!(
            $bus,
            $start,
            [
                nobody_listens_and_it_is_accepted,
                announcements_come_in_order_and_byte_for_byte,
                the_same_id_changes_nothing,
                the_same_id_at_the_same_time_changes_nothing,
                the_same_id_on_another_channel_is_another_event,
                subscribing_tells_where_the_log_ends,
                after_unsubscribing_nothing_comes,
                a_log_is_read_behind_a_cursor,
                a_log_is_bounded,
                a_cursor_is_known_while_nothing_behind_it_is_gone,
                volatile_events_are_announced_and_not_kept,
                a_connection_needs_no_subscription,
                a_time_to_live_is_carried,
                a_full_queue_says_what_was_missed,
                thousands_of_channels_at_once,
            ]
        );
    };
}

every_check!(memory, std::future::ready(super::fixture::memory()));
every_check!(redis, super::fixture::redis());
every_check!(sentinel, super::fixture::sentinel());
every_check!(cluster, super::fixture::cluster());
