//! The delivery thread: what carries events from the bus to the clients has a thread and a scheduler of its own. There,
//! an event waits neither behind handshakes nor for another thread to wake up.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};

use super::CancellationToken;

/// Starts the thread, which runs what is spawned on the handle until everything stops.
pub(super) fn start(stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("delivery".to_owned()).spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}
