//! Bytes that are no text, as text: RFC 4648's base64, with padding.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` in base64.
pub(super) fn push(text: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let byte = |place| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            // A group of one byte fills two digits, one of two bytes three.
            text.push(if digit > group.len() {
                b'='
            } else {
                DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::push;

    fn encoded(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        push(&mut text, bytes);
        String::from_utf8(text).expect("digits")
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(encoded(bytes.as_bytes()), text);
        }
        assert_eq!(encoded(&[0xff, 0xfe, 0xfd, 0x00]), "//79AA==");
    }
}
