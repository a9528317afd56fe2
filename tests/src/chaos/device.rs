//! A device: a client that resumes as the protocol says, whatever happens to its connection, and that now and then
//! does something unkind by itself. It writes down all that it sees.

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

use super::frame::{Frame, read};
use super::mischief::{Mischief, Mischiefs};
use super::record::{Book, Ending, Line, Record, What};
use crate::token::{Issuer, claims, now, with};

type Socket = WebSocketStream<TcpStream>;

/// How long connecting may take before another node is tried.
const CONNECTING: Duration = Duration::from_secs(4);
/// Longer than three heartbeats of the nodes: a connection on which nothing comes for so long is dead.
const SILENCE: Duration = Duration::from_secs(10);
/// The kernel's buffer for what a device has not read yet: small, so that one which stops reading is soon noticed.
const RECEIVE_BUFFER: u32 = 8 * 1024;

/// What the run tells all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// Nobody does anything unkind any more.
    pub calm: bool,
    /// All go home.
    pub over: bool,
    /// The devices of this user read nothing for now.
    pub frozen: Option<u32>,
}

/// Does no device of this user ever acknowledge anything?
pub fn is_silent(user: u32) -> bool {
    user.is_multiple_of(3)
}

impl Orders {
    /// Is this user's device to read nothing?
    fn holds(&self, user: u32) -> bool {
        self.frozen == Some(user) && !self.calm && !self.over
    }
}

/// What a device does about its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// It lasts for the whole run.
    Long,
    /// It is short, and a new one is shown in time on the same connection.
    Renewed,
    /// It is short, and the device comes back with a new one.
    Expiring,
}

/// One device.
pub struct Device {
    record: Arc<Mutex<Record>>,
    user: u32,
    name: String,
    cursor: Cursor,
    token: Token,
    acknowledges: bool,
    run: Arc<Around>,
    orders: watch::Receiver<Orders>,
    mischief: Instant,
    rng: Rng,
}

/// What all devices share.
pub struct Around {
    /// Gives the address of a node.
    pub balancer: Box<dyn Fn() -> Option<SocketAddr> + Send + Sync>,
    /// The clock of the run.
    pub book: Arc<Book>,
    /// Who signs tokens.
    pub issuer: Issuer,
    /// What the devices did by themselves.
    pub mischiefs: Mischiefs,
    /// How often a device does something unkind, on average.
    pub mischief_every: Duration,
}

/// The name of a user, as it stands in tokens and channels.
pub fn user_name(user: u32) -> String {
    format!("u{user}")
}

impl Device {
    /// A device that is not connected yet.
    pub fn new(user: u32, number: u32, run: Arc<Around>, orders: watch::Receiver<Orders>, mut rng: Rng) -> Self {
        let record = Arc::new(Mutex::new(Record { user, device: number, lines: Vec::new() }));
        let token = match rng.u32(..10) {
            0 => Token::Renewed,
            1 => Token::Expiring,
            _ => Token::Long,
        };
        let acknowledges = !is_silent(user) && (number == 0 || rng.bool());
        let mischief = Instant::now() + pause(&mut rng, run.mischief_every);
        let name = format!("d{number}");
        Self { record, user, name, cursor: Cursor::START, token, acknowledges, run, orders, mischief, rng }
    }

    /// What it writes down, to be read while it runs.
    pub fn record(&self) -> Arc<Mutex<Record>> {
        Arc::clone(&self.record)
    }

    /// Stays connected until the run is over.
    pub async fn live(mut self) {
        while !self.orders.borrow().over {
            let connected = timeout(CONNECTING, self.connect()).await.ok().flatten();
            let back_after = match connected {
                Some(socket) => self.attend(socket).await,
                None => self.jitter(),
            };
            let mut orders = self.orders.clone();
            tokio::select! {
                () = sleep(back_after) => {}
                _ = orders.wait_for(|orders| orders.over) => return,
            }
        }
    }

    async fn connect(&mut self) -> Option<Socket> {
        let address = (self.run.balancer)()?;
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
        let shaken = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        shaken.ok().map(|(socket, _)| socket)
    }

    /// Takes what comes until the connection ends; says after how long to come back.
    async fn attend(&mut self, mut socket: Socket) -> Duration {
        let mut back_after = None;
        loop {
            let mut orders = self.orders.clone();
            let calm = orders.borrow().calm;
            tokio::select! {
                biased;
                () = ordered(&mut orders, self.user) => {
                    if orders.borrow().over {
                        return Duration::ZERO;
                    }
                    let _ = orders.wait_for(|orders| !orders.holds(self.user)).await;
                }
                () = sleep_until(self.mischief), if !calm => {
                    self.mischief = Instant::now() + pause(&mut self.rng, self.run.mischief_every);
                    let mischief = Mischief::any(&mut self.rng);
                    self.run.mischiefs.count(mischief);
                    if let Some(back_after) = self.misbehave(mischief, &mut socket).await {
                        return back_after;
                    }
                }
                message = timeout(SILENCE, socket.next()) => {
                    let ending = match message {
                        Ok(Some(Ok(Message::Text(text)))) => match self.take(&text, &mut socket).await {
                            Some(after) => { back_after = Some(after); continue }
                            None => continue,
                        },
                        Ok(Some(Ok(Message::Close(frame)))) => {
                            Ending::Closed(frame.map_or(1005, |frame| frame.code.into()))
                        }
                        Ok(Some(Ok(_))) => { let _ = socket.flush().await; continue }
                        Ok(Some(Err(_)) | None) => Ending::Lost,
                        Err(_) => Ending::Silent,
                    };
                    self.note(What::Ended(if back_after.is_some() { Ending::Reconnect } else { ending }));
                    return back_after.unwrap_or_else(|| self.jitter());
                }
            }
        }
    }

    /// One frame; gives the time after which to come back, where the node asks for that.
    async fn take(&mut self, text: &str, socket: &mut Socket) -> Option<Duration> {
        match read(text, self.user) {
            Frame::Event(got, wanted) => {
                self.cursor = got.cursor;
                self.note(What::Got(got));
                if wanted && self.acknowledges {
                    self.acknowledge(socket).await;
                }
            }
            Frame::Welcome { connection, recovered } => {
                self.note(What::Welcomed { connection, cursor: self.cursor, recovered });
                // What it said last may have been lost with the connection.
                if self.acknowledges && self.cursor != Cursor::START {
                    self.acknowledge(socket).await;
                }
            }
            Frame::Gap => self.note(What::Gap),
            Frame::Reconnect(after) => return Some(after),
            Frame::Expiring if self.token == Token::Renewed => {
                let frame = json!({"type": "wirebell.auth", "token": self.new_token(), "ref": "r"});
                let _ = socket.send(Message::text(frame.to_string())).await;
            }
            Frame::Expiring | Frame::Other => {}
        }
        None
    }

    async fn acknowledge(&mut self, socket: &mut Socket) {
        self.note(What::Acknowledged(self.cursor));
        let channel = format!("user:{}", user_name(self.user));
        let frame = json!({"type": "wirebell.ack", "channel": channel, "cursor": self.cursor.to_string()});
        let _ = socket.send(Message::text(frame.to_string())).await;
    }

    /// Does it; gives the time after which to come back, where that ends the connection.
    async fn misbehave(&mut self, mischief: Mischief, socket: &mut Socket) -> Option<Duration> {
        match mischief {
            Mischief::Freeze => {
                let thawed = sleep(Duration::from_millis(self.rng.u64(1_500..7_000)));
                let mut orders = self.orders.clone();
                tokio::select! {
                    () = thawed => {}
                    _ = orders.wait_for(|orders| orders.calm) => {}
                }
                return None;
            }
            Mischief::HalfFrame => {
                // The head of a masked text of 200 bytes, and a few of them.
                let _ = socket.get_mut().write_all(b"\x81\xfe\x00\xc8abcd{\"type\":").await;
            }
            Mischief::Abort => {}
            Mischief::Goodbye => {
                let _ = socket.close(None).await;
            }
        }
        self.note(What::Ended(Ending::Left));
        Some(Duration::from_millis(self.rng.u64(..2_500)))
    }

    fn new_token(&mut self) -> String {
        let seconds = match self.token {
            Token::Long => 3600,
            Token::Renewed | Token::Expiring => self.rng.i64(4..9),
        };
        let claims = with(claims(&user_name(self.user)), "device", json!(self.name));
        self.run.issuer.sign(&with(claims, "exp", json!(now() + seconds)))
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(50..800))
    }

    fn note(&self, what: What) {
        let line = Line { millis: self.run.book.millis(), what };
        self.record.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
    }
}

/// Waits until a device of this user has to do something else than what it does by itself.
async fn ordered(orders: &mut watch::Receiver<Orders>, user: u32) {
    let _ = orders.wait_for(|orders| orders.over || orders.holds(user)).await;
}

/// A pause by chance, of this length on average.
fn pause(rng: &mut Rng, average: Duration) -> Duration {
    average.mul_f64(-(1.0 - rng.f64()).ln())
}
