//! The delivery thread: a thread with its own runtime carries events from the bus to the clients.
//! An event does not wait for handshakes there, or for another thread to wake up.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};

use super::CancellationToken;

/// Starts the thread. It runs the tasks spawned on the returned handle until `stop` is cancelled.
pub(super) fn start(stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("delivery".to_owned()).spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}
