//! A device: a client that resumes as the protocol says whenever its connection ends. From time to
//! time it causes a disruption by itself. It records everything that happens to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use wirebell_protocol::Cursor;
use wirebell_protocol::frame::SUBPROTOCOL;

use super::disruption::{Disruption, DisruptionCounts};
use super::frame::{Frame, read, user_name};
use super::record::{DeviceEvent, DeviceRecord, DisconnectReason, PublishLog, RecordEntry};
use crate::token::{Issuer, claims, now, with};

type Socket = WebSocketStream<TcpStream>;

/// Time limit for a connection attempt. After it, the device tries another node.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longer than three heartbeats of the nodes. A connection without traffic for so long is dead.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// Receive buffer of the kernel. It is small, so the node soon notices a device that stops reading.
const RECEIVE_BUFFER: u32 = 8 * 1024;

/// Commands of the run to all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCommands {
    /// Whether faults have ended: no device causes a disruption any more.
    pub faults_over: bool,
    /// Whether the run has ended: all devices disconnect.
    pub finished: bool,
    /// The user whose devices must not read for now.
    pub paused_user: Option<u32>,
}

/// Returns whether the devices of this user never acknowledge an event.
pub fn never_acknowledges(user: u32) -> bool {
    user.is_multiple_of(3)
}

impl DeviceCommands {
    /// Returns whether the devices of this user must not read.
    fn pauses(&self, user: u32) -> bool {
        self.paused_user == Some(user) && !self.faults_over && !self.finished
    }
}

/// How a device handles its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenPolicy {
    /// The token lasts for the whole run.
    Long,
    /// The token is short. The device renews it in time on the same connection.
    Renewed,
    /// The token is short. The device reconnects with a new one.
    Expiring,
}

/// One device.
pub struct Device {
    record: Arc<Mutex<DeviceRecord>>,
    user: u32,
    name: String,
    cursor: Cursor,
    token: TokenPolicy,
    acknowledges: bool,
    context: Arc<DeviceContext>,
    commands: watch::Receiver<DeviceCommands>,
    disruption: Instant,
    rng: Rng,
}

/// What all devices share.
pub struct DeviceContext {
    /// Returns the address of a node.
    pub balancer: Box<dyn Fn() -> Option<SocketAddr> + Send + Sync>,
    /// The clock of the run.
    pub publish_log: Arc<PublishLog>,
    /// The signer of tokens.
    pub issuer: Issuer,
    /// Counters of the disruptions that devices caused.
    pub disruptions: DisruptionCounts,
    /// Average interval between two disruptions of a device.
    pub disruption_interval: Duration,
}

impl Device {
    /// Returns a device that is not connected yet.
    pub fn new(
        user: u32,
        number: u32,
        context: Arc<DeviceContext>,
        commands: watch::Receiver<DeviceCommands>,
        mut rng: Rng,
    ) -> Self {
        let record = Arc::new(Mutex::new(DeviceRecord { user, device: number, entries: Vec::new() }));
        let token = match rng.u32(..10) {
            0 => TokenPolicy::Renewed,
            1 => TokenPolicy::Expiring,
            _ => TokenPolicy::Long,
        };
        let acknowledges = !never_acknowledges(user) && (number == 0 || rng.bool());
        let disruption = Instant::now() + pause(&mut rng, context.disruption_interval);
        let name = format!("d{number}");
        Self { record, user, name, cursor: Cursor::START, token, acknowledges, context, commands, disruption, rng }
    }

    /// Returns the record of the device. It can be read while the device runs.
    pub fn record(&self) -> Arc<Mutex<DeviceRecord>> {
        Arc::clone(&self.record)
    }

    /// Keeps the device connected until the run is finished.
    pub async fn run_until_finished(mut self) {
        while !self.commands.borrow().finished {
            let connected = timeout(CONNECT_TIMEOUT, self.connect()).await.ok().flatten();
            let reconnect_after = match connected {
                Some(socket) => self.run_connection(socket).await,
                None => self.jitter(),
            };
            let mut commands = self.commands.clone();
            tokio::select! {
                () = sleep(reconnect_after) => {}
                _ = commands.wait_for(|commands| commands.finished) => return,
            }
        }
    }

    async fn connect(&mut self) -> Option<Socket> {
        let address = (self.context.balancer)()?;
        let token = self.new_token();
        let uri = format!("ws://{address}/ws?cursor={}", self.cursor);
        let mut request = uri.into_client_request().expect("a URL");
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse().expect("a header"));
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        let socket = TcpSocket::new_v4().ok()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER).ok()?;
        let stream = socket.connect(address).await.ok()?;
        let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        handshake.ok().map(|(socket, _)| socket)
    }

    /// Handles what arrives until the connection ends. Returns the delay before the next
    /// connection.
    async fn run_connection(&mut self, mut socket: Socket) -> Duration {
        let mut reconnect_after = None;
        loop {
            let mut commands = self.commands.clone();
            let faults_over = commands.borrow().faults_over;
            tokio::select! {
                biased;
                () = interrupted(&mut commands, self.user) => {
                    if commands.borrow().finished {
                        return Duration::ZERO;
                    }
                    let _ = commands.wait_for(|commands| !commands.pauses(self.user)).await;
                }
                () = sleep_until(self.disruption), if !faults_over => {
                    self.disruption = Instant::now() + pause(&mut self.rng, self.context.disruption_interval);
                    let disruption = Disruption::any(&mut self.rng);
                    self.context.disruptions.count(disruption);
                    if let Some(reconnect_after) = self.disrupt(disruption, &mut socket).await {
                        return reconnect_after;
                    }
                }
                message = timeout(DEAD_AFTER, socket.next()) => {
                    let reason = match message {
                        Ok(Some(Ok(Message::Text(text)))) => match self.take(&text, &mut socket).await {
                            Some(after) => { reconnect_after = Some(after); continue }
                            None => continue,
                        },
                        Ok(Some(Ok(Message::Close(frame)))) => {
                            DisconnectReason::Closed(frame.map_or(1005, |frame| frame.code.into()))
                        }
                        Ok(Some(Ok(_))) => { let _ = socket.flush().await; continue }
                        Ok(Some(Err(_)) | None) => DisconnectReason::Lost,
                        Err(_) => DisconnectReason::Silent,
                    };
                    self.log(DeviceEvent::Disconnected(if reconnect_after.is_some() { DisconnectReason::Reconnect } else { reason }));
                    return reconnect_after.unwrap_or_else(|| self.jitter());
                }
            }
        }
    }

    /// Handles one frame. Returns the delay before the next connection if the node asks for a
    /// reconnect.
    async fn take(&mut self, text: &str, socket: &mut Socket) -> Option<Duration> {
        match read(text, self.user) {
            Frame::Event(received, wanted) => {
                self.cursor = received.cursor;
                self.log(DeviceEvent::Received(received));
                if wanted && self.acknowledges {
                    self.acknowledge(socket).await;
                }
            }
            Frame::Welcome { connection, recovered } => {
                self.log(DeviceEvent::Welcomed { connection, cursor: self.cursor, recovered });
                // The last acknowledgement may have been lost with the previous connection.
                if self.acknowledges && self.cursor != Cursor::START {
                    self.acknowledge(socket).await;
                }
            }
            Frame::Gap => self.log(DeviceEvent::Gap),
            Frame::Reconnect(after) => return Some(after),
            Frame::Expiring if self.token == TokenPolicy::Renewed => {
                let frame = json!({"type": "wirebell.auth", "token": self.new_token(), "ref": "r"});
                let _ = socket.send(Message::text(frame.to_string())).await;
            }
            Frame::Expiring | Frame::Other => {}
        }
        None
    }

    async fn acknowledge(&mut self, socket: &mut Socket) {
        self.log(DeviceEvent::Acknowledged(self.cursor));
        let channel = format!("user:{}", user_name(self.user));
        let frame = json!({"type": "wirebell.ack", "channel": channel, "cursor": self.cursor.to_string()});
        let _ = socket.send(Message::text(frame.to_string())).await;
    }

    /// Causes a disruption. Returns the delay before the next connection if the disruption ends
    /// this one.
    async fn disrupt(&mut self, disruption: Disruption, socket: &mut Socket) -> Option<Duration> {
        match disruption {
            Disruption::Pause => {
                let thawed = sleep(Duration::from_millis(self.rng.u64(1_500..7_000)));
                let mut commands = self.commands.clone();
                tokio::select! {
                    () = thawed => {}
                    _ = commands.wait_for(|commands| commands.faults_over) => {}
                }
                return None;
            }
            Disruption::HalfFrame => {
                // The head of a masked text of 200 bytes, and a few of them.
                let _ = socket.get_mut().write_all(b"\x81\xfe\x00\xc8abcd{\"type\":").await;
            }
            Disruption::Abort => {}
            Disruption::Close => {
                let _ = socket.close(None).await;
            }
        }
        self.log(DeviceEvent::Disconnected(DisconnectReason::Left));
        Some(Duration::from_millis(self.rng.u64(..2_500)))
    }

    fn new_token(&mut self) -> String {
        let seconds = match self.token {
            TokenPolicy::Long => 3600,
            TokenPolicy::Renewed | TokenPolicy::Expiring => self.rng.i64(4..9),
        };
        let claims = with(claims(&user_name(self.user)), "device", json!(self.name));
        self.context.issuer.sign(&with(claims, "exp", json!(now() + seconds)))
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(50..800))
    }

    fn log(&self, event: DeviceEvent) {
        let entry = RecordEntry { millis: self.context.publish_log.millis(), event };
        self.record.lock().unwrap_or_else(PoisonError::into_inner).entries.push(entry);
    }
}

/// Waits until a command interrupts the devices of this user.
async fn interrupted(commands: &mut watch::Receiver<DeviceCommands>, user: u32) {
    let _ = commands.wait_for(|commands| commands.finished || commands.pauses(user)).await;
}

/// Returns a random pause with this average.
fn pause(rng: &mut Rng, average: Duration) -> Duration {
    average.mul_f64(-(1.0 - rng.f64()).ln())
}
