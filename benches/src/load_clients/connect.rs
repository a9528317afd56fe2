//! Sockets from several addresses: one address has no more than 28,000 ports to leave from.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// How many addresses clients come from.
const ADDRESSES: u32 = 16;

/// A socket on its way to this port of 127.0.0.1, from the address of this user.
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

/// Ends a connection as a phone does that has lost its network: no goodbye, and nothing that lingers here.
pub(super) fn reset(socket: TcpStream) {
    let socket = Socket::from(std::net::TcpStream::from(socket));
    let _ = socket.set_linger(Some(Duration::ZERO));
}
