//! `wirebell-audit`: runs the large tests from the command line and prints their figures. The exit
//! status says whether the run passed.
//!
//! The tests `delivery`, `fairness`, `memory`, `slow_client` and `chaos` run the same code in a
//! small size.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use wirebell_tests::audit::{connection_memory, delivery, fairness, slow_client};
use wirebell_tests::chaos::command;

#[derive(Parser)]
#[command(name = "wirebell-audit", about = "Large runs against real nodes and a real Redis")]
struct Arguments {
    #[command(subcommand)]
    run: Run,
}

#[derive(Subcommand)]
enum Run {
    /// Two nodes: every connection receives each event of its user exactly once and in order
    Delivery {
        /// Users, with two connections each
        #[arg(long, default_value_t = delivery::Scale::FULL.users)]
        users: u32,
        /// Events through the SDK
        #[arg(long, default_value_t = delivery::Scale::FULL.via_sdk)]
        sdk: u32,
        /// Events over HTTP
        #[arg(long, default_value_t = delivery::Scale::FULL.via_http)]
        http: u32,
    },
    /// One node: memory of an authenticated connection
    Memory {
        /// Connections, each with its own user
        #[arg(long, default_value_t = 15_000)]
        connections: u32,
    },
    /// One node: one client reads a kilobyte per second, among fast clients
    Slow {
        /// The other clients
        #[arg(long, default_value_t = slow_client::Scale::FULL.others)]
        others: u32,
        /// Events, every second one to the slow client
        #[arg(long, default_value_t = slow_client::Scale::FULL.events)]
        events: u32,
        /// Events per second
        #[arg(long, default_value_t = slow_client::Scale::FULL.rate)]
        rate: u32,
    },
    /// One node: latency of events to one user during broadcasts to all
    Fairness {
        /// Connections that receive the broadcasts
        #[arg(long, default_value_t = fairness::Scale::FULL.listeners)]
        listeners: u32,
        /// Events to the one user, as many without broadcasts as with them
        #[arg(long, default_value_t = fairness::Scale::FULL.events)]
        events: u32,
    },
    /// Three nodes under faults of every kind: every device receives each confirmed event once and
    /// in order
    Chaos(command::ChaosOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    let passed = match Arguments::parse().run {
        Run::Delivery { users, sdk, http } => {
            let report =
                Box::pin(delivery::run(delivery::Scale { users, via_sdk: sdk, via_http: http, cut_every: None }))
                    .await;
            println!("{report}");
            report.passed()
        }
        Run::Memory { connections } => {
            let report = connection_memory::run(connections).await;
            println!("{report}");
            report.lost == 0
        }
        Run::Slow { others, events, rate } => {
            let report = Box::pin(slow_client::run(slow_client::Scale { others, events, rate })).await;
            println!("{report}");
            report.violations.is_empty()
        }
        Run::Fairness { listeners, events } => {
            let report = fairness::run(fairness::Scale { listeners, events }).await;
            println!("{report}");
            report.violations.is_empty()
        }
        Run::Chaos(options) => command::run_all(&options).await,
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
