//! The command line: one file a command.

mod api_client;
mod explain;
mod listen;
mod node;
mod publish;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A push gateway: publish an event, and every open tab and device of the user gets it.
#[derive(Debug, Parser)]
#[command(name = "wirebell", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on this machine, with an embedded bus and a live page: nothing to install.
    Dev(node::Dev),
    /// A node in production.
    Serve(node::Serve),
    /// Make a client token, for trying things.
    Token(token::Token),
    /// Publish an event, as a service would.
    Publish(Box<publish::Publish>),
    /// Listen, as a client would; one frame a line.
    Listen(listen::Listen),
    /// Tell why an event did, or did not, reach its user.
    Explain(explain::Explain),
}

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Dev(dev) => dev.run(),
        Command::Serve(serve) => serve.run(),
        Command::Token(token) => token.run(),
        Command::Publish(publish) => publish.run(),
        Command::Listen(listen) => listen.run(),
        // What it has to tell is in its exit code, too.
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

/// What a command comes to: nothing, or what to tell the one who called it.
type CommandResult = Result<(), String>;

/// An async command for a single task.
fn block_on(work: impl Future<Output = CommandResult>) -> CommandResult {
    runtime()?.block_on(work)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))
}
