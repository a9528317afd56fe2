//! The contract suite of the bus, run against every implementation of `gateway::bus`. Redis is
//! real: one server, servers with Sentinels, and a Cluster of three primaries, all on free ports.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod connection_log;
mod contract;
mod failover;
mod fixture;
mod inbox;
mod presence;
mod redis_only;
mod replicated;
mod retained;
mod revocations;
mod tracked;

/// Runs the whole suite against one kind of bus.
macro_rules! contract {
    ($bus:ident, $start:expr, [$($part:ident :: $check:ident),+ $(,)?]) => {
        mod $bus {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::$part::$check($start.await).await;
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
                contract::event_without_subscribers_is_accepted,
                contract::announcements_arrive_in_order_and_unchanged,
                contract::duplicate_id_is_published_once,
                contract::concurrent_duplicate_ids_are_published_once,
                contract::same_id_on_another_channel_is_another_event,
                contract::subscribe_returns_the_end_of_the_log,
                contract::unsubscribed_channel_gets_no_event,
                contract::log_is_read_after_a_cursor,
                contract::log_is_bounded,
                contract::cursor_is_known_while_no_later_event_is_missing,
                contract::volatile_events_are_announced_and_not_stored,
                contract::connection_channel_needs_no_subscription,
                contract::time_to_live_is_announced_and_stored,
                contract::full_queue_reports_the_missed_channel,
                contract::thousands_of_channels_are_subscribed_at_once,
                connection_log::connection_log_is_read_in_order_of_time,
                connection_log::entry_written_twice_is_read_once,
                connection_log::connection_log_is_bounded,
                connection_log::answer_to_a_published_id_is_found,
                inbox::emitted_event_is_stored_without_a_consumer,
                inbox::duplicate_id_of_a_user_is_emitted_once,
                inbox::reply_reaches_only_the_node_of_its_connection,
                presence::user_is_online_from_join_until_the_grace_period_after_leave,
                presence::user_that_reconnects_in_time_stays_online,
                presence::repeated_batch_has_no_effect,
                presence::sessions_of_a_dead_node_are_removed,
                presence::rejoined_session_survives_the_cleanup_of_its_old_lease,
                presence::no_lease_expires_during_an_outage_of_all_nodes,
                presence::released_lease_is_cleaned_up,
                presence::newest_session_replaces_the_oldest,
                presence::session_over_the_limit_is_rejected,
                presence::session_of_a_dead_node_does_not_count,
                presence::online_users_are_listed_by_page,
                presence::matching_sessions_get_a_disconnect_command,
                presence::command_is_announced_to_its_node,
                retained::last_value_of_each_key_is_retained,
                retained::event_type_is_the_default_key,
                retained::subscribe_returns_the_last_version,
                retained::expired_value_is_not_returned,
                retained::retained_keys_are_bounded,
                retained::concurrent_changes_have_distinct_versions,
                revocations::revocations_are_returned_until_their_version_is_known,
                revocations::revocations_of_one_user_are_merged,
                tracked::receipt_contains_the_delivery_status,
                tracked::untracked_event_has_no_receipt,
                tracked::acknowledgement_covers_earlier_events_of_its_device,
                tracked::many_events_are_acknowledged_at_once,
                tracked::event_falls_back_once_at_its_deadline,
                tracked::acknowledgement_cancels_the_deadline,
                tracked::unacknowledged_event_expires,
                tracked::scheduled_event_is_published_at_its_time,
                tracked::scheduled_event_has_a_deadline_after_its_publication,
                tracked::scheduled_event_can_be_cancelled,
                tracked::event_scheduled_in_the_past_is_published_now,
                tracked::each_channel_has_its_own_receipt,
            ]
        );
    };
}

every_check!(memory, std::future::ready(super::fixture::memory()));
every_check!(redis, super::fixture::redis());
every_check!(sentinel, super::fixture::sentinel());
every_check!(cluster, super::fixture::cluster());
