//! The contract of the bus, as `gateway::bus` states it: one suite, run over every bus there is. Redis is
//! real: one server, servers with sentinels, and a Cluster of three primaries, all on free ports.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod contract;
mod fixture;
mod history;
mod inbox;
mod moves;
mod presence;
mod redis_only;
mod replicated;
mod retained;
mod revoked;
mod tracked;

/// Runs the whole suite over one kind of bus.
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
                contract::nobody_listens_and_it_is_accepted,
                contract::announcements_come_in_order_and_byte_for_byte,
                contract::the_same_id_changes_nothing,
                contract::the_same_id_at_the_same_time_changes_nothing,
                contract::the_same_id_on_another_channel_is_another_event,
                contract::subscribing_tells_where_the_log_ends,
                contract::after_unsubscribing_nothing_comes,
                contract::a_log_is_read_behind_a_cursor,
                contract::a_log_is_bounded,
                contract::a_cursor_is_known_while_nothing_behind_it_is_gone,
                contract::volatile_events_are_announced_and_not_kept,
                contract::a_connection_needs_no_subscription,
                contract::a_time_to_live_is_carried,
                contract::a_full_queue_says_what_was_missed,
                contract::thousands_of_channels_at_once,
                history::a_history_is_read_in_order_of_time,
                history::what_is_remembered_again_is_read_once,
                history::a_history_is_bounded,
                history::what_an_id_was_answered_is_known,
                inbox::what_is_emitted_is_kept_though_nobody_reads_it,
                inbox::an_id_of_the_users_is_emitted_once,
                inbox::a_reply_reaches_its_connections_node_only,
                presence::who_comes_is_online_and_who_leaves_is_offline_after_the_grace,
                presence::who_comes_back_in_time_was_never_offline,
                presence::a_batch_that_is_written_again_changes_nothing,
                presence::a_node_that_is_gone_is_cleared_up,
                presence::what_is_entered_again_is_not_cleared_up_with_the_old_lease,
                presence::nobody_is_given_up_for_an_outage_of_all,
                presence::a_lease_that_is_given_back_is_nobodys,
                presence::the_newest_takes_the_place_of_the_oldest,
                presence::one_too_many_is_refused,
                presence::a_session_of_a_dead_node_does_not_count,
                presence::who_is_online_is_listed_page_by_page,
                presence::sessions_that_fit_are_ordered_to_end,
                presence::an_order_is_announced_to_its_node,
                retained::the_last_value_of_each_key_is_retained,
                retained::without_a_key_the_type_is_the_key,
                retained::subscribing_tells_the_last_version,
                retained::what_has_expired_is_not_retained,
                retained::the_keys_are_bounded,
                retained::changes_at_the_same_time_have_one_order,
                revoked::what_is_revoked_is_told_until_it_is_known,
                revoked::of_two_for_a_user_what_either_says_holds,
                tracked::a_receipt_tells_what_became_of_it,
                tracked::what_is_not_watched_has_no_receipt,
                tracked::an_acknowledgement_is_for_all_before_it_and_each_device_has_its_own,
                tracked::thousands_are_acknowledged_at_once,
                tracked::at_its_deadline_it_falls_back_once,
                tracked::an_acknowledgement_cancels_the_deadline,
                tracked::what_nobody_acknowledges_expires,
                tracked::a_scheduled_event_comes_when_its_time_has_come,
                tracked::a_scheduled_event_may_have_a_deadline,
                tracked::a_scheduled_event_can_be_cancelled,
                tracked::a_time_in_the_past_is_now,
                tracked::each_channel_has_its_own_receipt,
            ]
        );
    };
}

every_check!(memory, std::future::ready(super::fixture::memory()));
every_check!(redis, super::fixture::redis());
every_check!(sentinel, super::fixture::sentinel());
every_check!(cluster, super::fixture::cluster());
