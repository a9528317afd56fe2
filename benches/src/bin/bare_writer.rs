//! `bare-writer CLIENTS CONTROL`: accepts clients on one port. When a line on the other port asks
//! for it, it writes frames to them, one `write` for each frame. No gateway on this kernel can be
//! faster without several events in one call.
//!
//! A line is `phase users events rate`: events to that many users in turn (0: to all), at that rate
//! a second (0: as fast as possible). The response is `done`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wirebell_benches::failure::{Failure, Result};
use wirebell_benches::frame::server_text;
use wirebell_benches::mark::{Mark, now};
use wirebell_benches::pace::Pace;
use wirebell_benches::peer::{Burst, Target};

/// The sockets by user number.
type Sockets = Arc<Mutex<Vec<Option<TcpStream>>>>;

fn main() -> Result<()> {
    let mut ports = std::env::args().skip(1).map(|argument| argument.parse::<u16>());
    let (Some(Ok(clients)), Some(Ok(control))) = (ports.next(), ports.next()) else {
        return Err(Failure::new("expected two ports"));
    };
    let sockets = Sockets::default();
    let client_listener = TcpListener::bind(("127.0.0.1", clients))?;
    let control_listener = TcpListener::bind(("127.0.0.1", control))?;
    let taken = Arc::clone(&sockets);
    std::thread::spawn(move || accept(&client_listener, &taken));
    for caller in control_listener.incoming() {
        // A connection that only probes the port sends no line.
        if let Err(failure) = serve(caller?, &sockets) {
            eprintln!("{failure}");
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener, sockets: &Sockets) {
    for stream in listener.incoming().flatten() {
        if let Err(failure) = handshake(stream, sockets) {
            eprintln!("cannot accept a client: {failure}");
        }
    }
}

fn handshake(mut stream: TcpStream, sockets: &Sockets) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(Failure::new("the client closed the connection before its request ended"));
        }
        request.extend_from_slice(&buffer[..read]);
    }
    let line = String::from_utf8_lossy(&request);
    let user = line.split(' ').nth(1).and_then(|path| path.strip_prefix('/')?.parse::<usize>().ok());
    let user = user.ok_or_else(|| Failure::new("expected `/<user number>` as the path"))?;
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")?;
    let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
    if sockets.len() <= user {
        sockets.resize_with(user + 1, || None);
    }
    sockets[user] = Some(stream);
    Ok(())
}

fn serve(caller: TcpStream, sockets: &Sockets) -> Result<()> {
    let mut answer = caller.try_clone()?;
    for line in BufReader::new(caller).lines() {
        let numbers: Vec<u32> = line?.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [phase, users, events, rate] = numbers[..] else {
            return Err(Failure::new("expected `phase users events rate`"));
        };
        let phase = u16::try_from(phase).unwrap_or_default();
        write(&Burst { phase, users, events, rate: (rate > 0).then_some(rate) }, sockets)?;
        answer.write_all(b"done\n")?;
    }
    Ok(())
}

fn write(burst: &Burst, sockets: &Sockets) -> Result<()> {
    let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
    let mut pace = Pace::new(burst.rate);
    let (mut payload, mut frame) = (String::new(), Vec::new());
    for event in 0..burst.events {
        let at = pace.wait();
        let to = event.checked_rem(burst.users).map_or(Target::All, Target::One);
        let number = event.checked_div(burst.users).unwrap_or(event);
        payload.clear();
        Mark { to, phase: burst.phase, number, at: at.unwrap_or_else(now) }.payload(200, &mut payload);
        frame.clear();
        server_text(payload.as_bytes(), &mut frame);
        match to {
            Target::One(user) => {
                let socket = sockets.get_mut(user as usize).and_then(Option::as_mut);
                socket.ok_or_else(|| Failure::new(format!("user {user} is not connected")))?.write_all(&frame)?;
            }
            Target::All => sockets.iter_mut().flatten().try_for_each(|socket| socket.write_all(&frame))?,
        }
    }
    Ok(())
}
