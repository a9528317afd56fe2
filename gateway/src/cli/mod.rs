//! The command line: one file per command, except that `dev` and `serve` share `node`.
//!
//! Arguments come in; output, logs and an exit code come out. `dev` and `serve` start a node
//! through `server`. The other commands talk to a running node over HTTP or WebSocket, like any
//! client or service.

mod api_client;
mod explain;
mod listen;
mod node;
mod publish;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A push gateway: publish an event, and every open tab and device of the user receives it.
#[derive(Debug, Parser)]
#[command(name = "wirebell", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node for development, with an embedded bus and a live page. Requires nothing else.
    Dev(node::Dev),
    /// Run a node in production.
    Serve(node::Serve),
    /// Create a client token for tests.
    Token(token::Token),
    /// Publish an event, like a service.
    Publish(Box<publish::Publish>),
    /// Connect like a client, and print one frame per line.
    Listen(listen::Listen),
    /// Explain why an event reached its user, or why it did not.
    Explain(explain::Explain),
}

/// Runs the command that the arguments select.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Dev(dev) => dev.run(),
        Command::Serve(serve) => serve.run(),
        Command::Token(token) => token.run(),
        Command::Publish(publish) => publish.run(),
        Command::Listen(listen) => listen.run(),
        // Its exit code is part of the result.
        Command::Explain(explain) => return explain.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wirebell: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The result of a command: nothing, or an error message.
type CommandResult = Result<(), String>;

/// Runs an async command on the current thread.
fn block_on(work: impl Future<Output = CommandResult>) -> CommandResult {
    runtime()?.block_on(work)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start the async runtime: {error}"))
}
