//! Every installed peer does what it is measured for, by each ingress that it has. An event to one
//! user reaches that user's connection and no other, and an event to all reaches all.
//!
//! Run with `cargo test --release -p wirebell-benches --test peers -- --ignored`, which installs
//! missing peers.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use wirebell_benches::frame::{self, opcode};
use wirebell_benches::mark::{Mark, now};
use wirebell_benches::peer::{Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target};
use wirebell_benches::peers::by_name;
use wirebell_benches::process::Processes;
use wirebell_benches::token::Issuer;

const CONNECTIONS: u32 = 20;
/// Longer than two heartbeats, so that connections stay open only if pings are answered.
const QUIET: Duration = Duration::from_secs(8);
const HEARTBEAT: u32 = 3;

struct Client {
    user: u32,
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    fn connect(peer: &dyn Peer, config: &RunConfig, user: u32) -> Self {
        let token = peer.token(&config.issuer, user).unwrap();
        let identity = ClientIdentity { user, token: &token, cursor: None };
        let mut stream = TcpStream::connect(("127.0.0.1", config.clients)).unwrap();
        stream.write_all(peer.upgrade_request(config, identity).as_bytes()).unwrap();
        let mut client = Self { user, stream, unread: Vec::new() };
        client.skip_answer();
        client.handshake(peer, config, identity);
        client
    }

    fn skip_answer(&mut self) {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                assert!(self.unread.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&self.unread));
                self.unread.drain(..end + 4);
                return;
            }
            assert!(self.read(Duration::from_secs(5)), "no answer to the upgrade");
        }
    }

    fn handshake(&mut self, peer: &dyn Peer, config: &RunConfig, identity: ClientIdentity<'_>) {
        let mut said = Vec::new();
        loop {
            let mut answers = Vec::new();
            let handshake = peer.handshake(config, identity, &said, &mut answers);
            for answer in answers {
                self.send(opcode::TEXT, answer.as_bytes());
            }
            match handshake {
                Handshake::Subscribed => return,
                Handshake::Rejected => panic!("{} refused: {}", peer.name(), String::from_utf8_lossy(&said)),
                Handshake::Pending => said = self.next(Duration::from_secs(5)).expect("a handshake").1,
            }
        }
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::client(opcode, payload, &mut bytes);
        self.stream.write_all(&bytes).unwrap();
    }

    /// Returns whether anything was read within this time.
    fn read(&mut self, patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).unwrap();
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => panic!("the connection of user {} was closed", self.user),
            Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(error) => panic!("the connection of user {}: {error}", self.user),
        }
        true
    }

    fn next(&mut self, patience: Duration) -> Option<(u8, Vec<u8>)> {
        let until = Instant::now() + patience;
        loop {
            if let Some((frame, taken)) = frame::first(&self.unread) {
                let message = (frame.opcode, frame.payload.to_vec());
                self.unread.drain(..taken);
                return Some(message);
            }
            if !self.read(until.saturating_duration_since(Instant::now())) {
                return None;
            }
        }
    }

    /// Returns the recipients and numbers of the events within this time, and the number of pings,
    /// which it answers.
    fn events(&mut self, peer: &dyn Peer, patience: Duration) -> (Vec<(Target, u32)>, u32) {
        let (until, mut events, mut pings) = (Instant::now() + patience, Vec::new(), 0);
        while let Some((opcode, payload)) = self.next(until.saturating_duration_since(Instant::now())) {
            if opcode == opcode::PING {
                self.send(opcode::PONG, &payload);
                pings += 1;
            } else if let Some(answer) = peer.pong(&payload) {
                self.send(opcode::TEXT, answer.as_bytes());
                pings += 1;
            }
            events.extend(Mark::all(&payload).map(|mark| (mark.to, mark.number)));
        }
        (events, pings)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config(name: &str) -> (RunConfig, Processes) {
    let folder: PathBuf = std::env::temp_dir().join(format!("wirebell-peers-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = RunConfig {
        clients: free_port(),
        services: free_port(),
        spare: free_port(),
        redis: free_port(),
        issuer: Issuer::hs256(),
        folder,
        connections: CONNECTIONS,
        heartbeat: HEARTBEAT,
    };
    let mut redis = Processes::default();
    let port = config.redis.to_string();
    let mut program = Command::new("redis-server");
    program.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(&config.folder);
    redis.start("redis", &config.folder, &mut program).unwrap();
    redis.wait_for_port(config.redis).unwrap();
    (config, redis)
}

fn publish(peer: &dyn Peer, config: &RunConfig, ingress: Ingress, to: Target, number: u32) {
    let mut payload = String::new();
    Mark { to, phase: 0, number, at: now() }.payload(200, &mut payload);
    let mut bytes = Vec::new();
    peer.publish(config, ingress, to, number.into(), &payload, &mut bytes);
    let port = if ingress == Ingress::Redis { config.redis } else { peer.http_port(config) };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for command in if ingress == Ingress::Redis { peer.redis_setup() } else { Vec::new() } {
        answer(&mut stream, &command);
    }
    let said = answer(&mut stream, &bytes);
    let good = if ingress == Ingress::Redis { !said.starts_with('-') } else { said.starts_with("HTTP/1.1 20") };
    assert!(good, "{} over {ingress:?}: {said}", peer.name());
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    let mut said = [0; 1024];
    let count = stream.read(&mut said).unwrap();
    String::from_utf8_lossy(&said[..count]).into_owned()
}

fn check(name: &str) {
    let peer = by_name(name).unwrap();
    peer.prepare().unwrap();
    let (config, _redis) = config(name);
    let running = peer.start(&config).unwrap();
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|user| Client::connect(peer, &config, user)).collect();
    let ingresses = [(Ability::Redis, Ingress::Redis), (Ability::Http, Ingress::Http)];
    let ingresses: Vec<Ingress> =
        ingresses.into_iter().filter(|(ability, _)| peer.can(*ability)).map(|(_, ingress)| ingress).collect();
    assert!(!ingresses.is_empty(), "{name} has no ingress");
    for (ingress, first) in ingresses.into_iter().zip([0, 100]) {
        publish(peer, &config, ingress, Target::One(3), first);
        publish(peer, &config, ingress, Target::All, first + 1);
        std::thread::sleep(Duration::from_millis(500));
        for client in &mut clients {
            let one = (client.user == 3).then_some((Target::One(3), first));
            let mut expected: Vec<(Target, u32)> = one.into_iter().chain([(Target::All, first + 1)]).collect();
            let (mut events, _) = client.events(peer, Duration::ZERO);
            events.sort_by_key(|(_, number)| *number);
            expected.sort_by_key(|(_, number)| *number);
            assert_eq!(events, expected, "user {} of {name} over {ingress:?}", client.user);
        }
    }
    let quiet = Instant::now();
    let mut pings = vec![0; clients.len()];
    while quiet.elapsed() < QUIET {
        for (client, pings) in clients.iter_mut().zip(&mut pings) {
            *pings += client.events(peer, Duration::from_millis(5)).1;
        }
    }
    assert!(pings.iter().all(|pings| *pings > 0), "{name} did not ping in {QUIET:?}: {pings:?}");
    println!("{name}: {}; {} processes", peer.version().unwrap(), running.pids().len());
    drop(running);
    std::fs::remove_dir_all(&config.folder).unwrap();
}

macro_rules! checks {
    ($($test:ident $name:literal)*) => {$(
        #[test]
        #[ignore = "installs a peer, or needs it installed"]
        fn $test() {
            check($name);
        }
    )*};
}

checks! {
    wirebell "wirebell"
    centrifuge "centrifuge"
    sockudo "sockudo"
    nchan "nchan"
    nchan_memory "nchan-memory"
    ws "ws"
    socketio "socketio"
}
