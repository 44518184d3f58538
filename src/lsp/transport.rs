//! Messages over standard input and output. Must never end the session, nor the process, for what cannot be read: it is told and passed
//! over; only a message that no machine could hold ends it.

use std::io::{self, BufRead, Read, Write};
use std::thread::JoinHandle;

use lsp_server::{Connection, Message};

use crate::terminal;

/// No message is longer, by far: a text is in one, whole.
const LONGEST: u64 = 256 << 20;

/// Both directions, each in a thread of its own. Neither needs to be waited for but the one that writes.
pub(super) fn stdio() -> (Connection, JoinHandle<()>) {
    let (server, pipe) = Connection::memory();
    let Connection { sender, receiver } = pipe;
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            match next(&mut input) {
                Ok(Some(text)) => match serde_json::from_slice::<Message>(&text) {
                    Ok(message) => {
                        let ends = matches!(&message, Message::Notification(told) if told.method == "exit");
                        if sender.send(message).is_err() || ends {
                            return;
                        }
                    }
                    Err(error) => terminal::complain(&format!("a message that is none is passed over: {error}")),
                },
                Ok(None) => return,
                Err(error) => return terminal::complain(&format!("the editor's pipe: {error}")),
            }
        }
    });
    let writer = std::thread::spawn(move || {
        let mut output = io::stdout().lock();
        for message in receiver {
            if message.write(&mut output).and_then(|()| output.flush()).is_err() {
                return;
            }
        }
    });
    (server, writer)
}

/// The text of the next message; `None` at the end.
fn next(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = vec![];
        if input.by_ref().take(8192).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("Content-Length") => {
                length = value.trim().parse().ok().filter(|length| *length <= LONGEST);
                if length.is_none() {
                    return Err(io::Error::other(format!("no message is of {} bytes", value.trim())));
                }
            }
            // What begins no message is passed over.
            None if line.is_empty() && length.is_some() => break,
            _ => {}
        }
    }
    let mut text = vec![];
    input.by_ref().take(length.unwrap_or(0)).read_to_end(&mut text)?;
    Ok((text.len() as u64 == length.unwrap_or(0)).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn a_message_has_a_head_and_as_many_bytes() {
        let mut input: &[u8] =
            b"junk\r\n\r\ncontent-length: 2\r\nX: y\r\n\r\n{}Content-Length: 1\n\n7Content-Length: 9\r\n\r\n{";
        for text in ["{}", "7"] {
            assert_eq!(next(&mut input).ok().flatten().as_deref(), Some(text.as_bytes()));
        }
        assert!(next(&mut input).is_ok_and(|rest| rest.is_none()));
        let mut input: &[u8] = b"Content-Length: 99999999999999\r\n\r\n";
        assert!(next(&mut input).is_err());
    }
}
