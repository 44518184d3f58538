//! Loads on the network: datagrams and connections over the loopback device.

#![expect(
    unsafe_code,
    reason = "what the standard library does not ask of sockets and devices is asked by raw system calls"
)]

use std::io::{Error, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Runs the load of that name; none if there is none, false if the kernel refused it.
pub(crate) fn load(what: &str, count: usize) -> Option<bool> {
    Some(match what {
        // `count` datagrams of 10, 20, 30 ... bytes, each received before the next is sent.
        "datagrams" => datagrams(count).is_ok(),
        // `count` datagrams of 10, 20, 30 ... bytes to port 9, where nobody listens.
        "datagrams-to-nobody" => to_nobody(count).is_ok(),
        // `count` connections to one listener, each accepted, then closed by the caller first.
        "connections" => connections(count).is_ok(),
        // One connection over IPv4 and one over IPv6, with an option of each set; over each `count` messages of 100 bytes, each received
        // as a whole.
        "messages" => messages(count, Ipv4Addr::LOCALHOST.into())
            .and_then(|()| messages(count, Ipv6Addr::LOCALHOST.into()))
            .is_ok(),
        // The same by `write` and `read`, over a pair of sockets.
        "socket-files" => socket_files(count).is_ok(),
        // `count` sockets of TCP and as many of UDP that forget their peer.
        "forgotten" => (0..count).all(|_| forgotten().is_ok()),
        // `count` calls that nobody takes.
        "refused" => (0..count).all(|_| refused().is_ok()),
        // A call that finds its listener full, so that its first segment is sent again after a second.
        "full" => full().is_ok(),
        // In a network of its own: the loopback device gets other packets' size `count` times, is told to take all packets, and asked for
        // its counters.
        "device" => device(count).is_ok(),
        _ => return None,
    })
}

fn datagrams(count: usize) -> std::io::Result<()> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let mut room = vec![0; 10 * count];
    for size in (1..=count).map(|number| 10 * number) {
        sender.send_to(&vec![b'y'; size], receiver.local_addr()?)?;
        receiver.recv(&mut room)?;
    }
    Ok(())
}

fn to_nobody(count: usize) -> std::io::Result<()> {
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    (1..=count).try_for_each(|number| sender.send_to(&vec![b'y'; 10 * number], (Ipv4Addr::LOCALHOST, 9)).map(|_| ()))
}

fn connections(count: usize) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    for _ in 0..count {
        let caller = TcpStream::connect(listener.local_addr()?)?;
        let (called, _) = listener.accept()?;
        drop(caller);
        drop(called);
    }
    Ok(())
}

/// What a system call gave, or its error.
fn checked(result: libc::c_int) -> std::io::Result<libc::c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn set(socket: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> std::io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value lives through the call and is as long as it is said to be.
    checked(unsafe { libc::setsockopt(socket, level, option, (&raw const value).cast(), length) }).map(drop)
}

fn messages(count: usize, address: IpAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    let mut caller = TcpStream::connect(listener.local_addr()?)?;
    let (called, _) = listener.accept()?;
    match address {
        IpAddr::V4(_) => set(caller.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?,
        IpAddr::V6(_) => set(caller.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, 9)?,
    }
    let mut room = [0; 100];
    for _ in 0..count {
        caller.write_all(&[b'y'; 100])?;
        // SAFETY: the room is as long as is said.
        let got = unsafe { libc::recv(called.as_raw_fd(), room.as_mut_ptr().cast(), room.len(), libc::MSG_WAITALL) };
        if got != 100 {
            return Err(Error::last_os_error());
        }
    }
    Ok(())
}

fn socket_files(count: usize) -> std::io::Result<()> {
    let (one, other) = UnixStream::pair()?;
    // A file's calls are `write` and `read`, a stream's are `send` and `recv`.
    let (mut one, mut other) = (std::fs::File::from(OwnedFd::from(one)), std::fs::File::from(OwnedFd::from(other)));
    for _ in 0..count {
        one.write_all(&[b'y'; 100])?;
        other.read_exact(&mut [0; 100])?;
    }
    Ok(())
}

fn forgotten() -> std::io::Result<()> {
    let nobody = libc::sockaddr { sa_family: libc::AF_UNSPEC as u16, sa_data: [0; 14] };
    let forget = |socket: RawFd| {
        // SAFETY: the address lives through the call and is as long as it is said to be.
        checked(unsafe { libc::connect(socket, &raw const nobody, size_of_val(&nobody) as libc::socklen_t) })
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let caller = TcpStream::connect(listener.local_addr()?)?;
    forget(caller.as_raw_fd())?;
    let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    datagrams.connect((Ipv4Addr::LOCALHOST, 9))?;
    forget(datagrams.as_raw_fd()).map(drop)
}

fn refused() -> std::io::Result<()> {
    // A port that was given to somebody a moment ago is nobody's now.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::other("somebody listens")),
    }
}

fn full() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // SAFETY: a number is all that it takes. With room for none, one is taken in.
    checked(unsafe { libc::listen(listener.as_raw_fd(), 0) })?;
    let _taken = TcpStream::connect(listener.local_addr()?)?;
    let patience = std::time::Duration::from_millis(1300);
    match TcpStream::connect_timeout(&listener.local_addr()?, patience) {
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::other("there was room")),
    }
}

fn device(count: usize) -> std::io::Result<()> {
    // SAFETY: changes this thread's network alone, which ends with it.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: all zeros is a request without a name.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    for round in 0..count {
        request.ifr_ifru.ifru_mtu = 60_000 + round as libc::c_int;
        // SAFETY: the request lives through the call.
        checked(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU, &raw mut request) })?;
    }
    let all = libc::c_int::from((libc::ETH_P_ALL as u16).to_be());
    // SAFETY: makes a socket, of which nobody else knows.
    let packets = unsafe { OwnedFd::from_raw_fd(checked(libc::socket(libc::AF_PACKET, libc::SOCK_RAW, all))?) };
    let wanted =
        libc::packet_mreq { mr_ifindex: 1, mr_type: libc::PACKET_MR_PROMISC as u16, mr_alen: 0, mr_address: [0; 8] };
    let length = size_of_val(&wanted) as libc::socklen_t;
    // SAFETY: what is wanted lives through the call and is as long as it is said to be.
    let set = unsafe {
        libc::setsockopt(
            packets.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const wanted).cast(),
            length,
        )
    };
    checked(set)?;
    std::fs::read("/proc/thread-self/net/dev").map(drop)
}
