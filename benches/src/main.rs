//! `wirebell-bench`: measures Wirebell and its peers side by side.

use clap::{Parser, Subcommand};
use wirebell_benches::failure::Result;
use wirebell_benches::run::{Options, run};
use wirebell_benches::{awake, load_clients};

/// Measures Wirebell and its peers side by side.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs load clients, controlled over standard input. Internal.
    Clients,
    /// Keeps a processor awake. Internal.
    Awake,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Clients) => load_clients::serve(),
        Some(Command::Awake) => awake::spin(),
        None => run(&arguments.options),
    }
}
