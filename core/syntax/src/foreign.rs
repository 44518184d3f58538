//! Bytes that are not UTF-8, within text: SystemTap takes scripts as bytes, so a comment or a string in another encoding is
//! as good as any. Must never change text that is UTF-8 already.
//!
//! Each such byte is kept as a character of the private use area, from which a string's value gets it back.

/// The character that stands for byte 0.
const FIRST: u32 = 0xF_F700;

/// The text of a script, whatever its encoding.
pub fn decode(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let mut text = String::with_capacity(error.as_bytes().len());
            for chunk in error.as_bytes().utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte))));
            }
            text
        }
    }
}

/// The bytes that a piece of a script's text was written as.
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut room = [0; 4];
    for character in text.chars() {
        match u32::from(character).checked_sub(FIRST).and_then(|offset| u8::try_from(offset).ok()) {
            Some(byte @ 0x80..) => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut room).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b"caf\xe9 \xc3\xa9"[..], b"\xff\xfe\x80", b"plain", "é漢\u{fffd}".as_bytes(), b"\xe2\x82"] {
            assert_eq!(encode(&decode(bytes.to_vec())), bytes);
        }
        assert_eq!(decode("é漢".into()), "é漢");
    }
}
