//! Sockets from several addresses, since one address has at most 28,000 outgoing ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Number of addresses that clients connect from.
const ADDRESSES: u32 = 16;

/// Returns a socket that is being connected to this port of 127.0.0.1, from the address of this
/// user.
pub(super) fn connect(user: u32, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let last = u8::try_from(2 + user % ADDRESSES).unwrap_or(2);
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
    match socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Resets a connection without a close handshake, like a phone that lost its network, and leaves no
/// `TIME_WAIT` here.
pub(super) fn reset(socket: TcpStream) {
    let socket = Socket::from(std::net::TcpStream::from(socket));
    let _ = socket.set_linger(Some(Duration::ZERO));
}
