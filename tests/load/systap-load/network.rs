//! Loads on the network: datagrams and connections over the loopback device.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

/// Runs the load of that name; none if there is none, false if the kernel refused it.
pub(crate) fn load(what: &str, count: usize) -> Option<bool> {
    Some(match what {
        // `count` datagrams of 10, 20, 30 ... bytes, each received before the next is sent.
        "datagrams" => datagrams(count).is_ok(),
        // `count` datagrams of 10, 20, 30 ... bytes to port 9, where nobody listens.
        "datagrams-to-nobody" => to_nobody(count).is_ok(),
        // `count` connections to one listener, each accepted, then closed by the caller first.
        "connections" => connections(count).is_ok(),
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
