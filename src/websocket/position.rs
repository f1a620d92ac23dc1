//! Where a stream of frames has come to, as far as it takes to know that nothing is under way.

/// Follows the bytes of one direction.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    next: Next,
    /// The last data frame was not the last fragment of its message.
    inside: bool,
}

/// What the next byte is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The first of a frame.
    #[default]
    First,
    /// The one with the short length.
    Second,
    /// One of this many of a longer length; then come the bytes of the mask.
    Length { left: u8, value: u64, mask: u64 },
    /// One of this many of the mask and the payload; never none.
    Rest(u64),
}

impl Position {
    /// Takes the next bytes.
    pub fn advance(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            self.next = match self.next {
                Next::First => {
                    // Control frames may stand between the fragments of a message.
                    if byte & 0x08 == 0 {
                        self.inside = byte & 0x80 == 0;
                    }
                    Next::Second
                }
                Next::Second => {
                    let mask = u64::from(byte >> 7) * 4;
                    match byte & 0x7f {
                        126 => Next::Length { left: 2, value: 0, mask },
                        127 => Next::Length { left: 8, value: 0, mask },
                        short => Next::rest(mask + u64::from(short)),
                    }
                }
                Next::Length { left, value, mask } => match (left - 1, value << 8 | u64::from(byte)) {
                    (0, value) => Next::rest(value.saturating_add(mask)),
                    (left, value) => Next::Length { left, value, mask },
                },
                Next::Rest(count) => {
                    let skipped = (count - 1).min(bytes.len() as u64);
                    bytes = &bytes[skipped as usize..];
                    Next::rest(count - 1 - skipped)
                }
            };
        }
    }

    /// Whether neither a frame nor a message is under way.
    pub fn is_between_messages(self) -> bool {
        self.next == Next::First && !self.inside
    }
}

impl Next {
    fn rest(count: u64) -> Next {
        if count == 0 { Next::First } else { Next::Rest(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_when_nothing_is_under_way() {
        let long = [&[0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4][..], &[0; 256]].concat();
        let longest = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0; 65_536]].concat();
        for (frames, between) in [
            (vec![&[0x81, 0x80, 1, 2, 3, 4][..]], true),
            (vec![&[0x81, 0x00]], true),
            (vec![&[0x81, 0x82, 1, 2, 3, 4, 0, 0]], true),
            (vec![&[0x01, 0x01, 0]], false),
            (vec![&[0x01, 0x01, 0], &[0x89, 0x00]], false),
            (vec![&[0x01, 0x01, 0], &[0x89, 0x00], &[0x80, 0x00]], true),
            (vec![&long, &longest], true),
        ] {
            let bytes = frames.concat();
            let mut position = Position::default();
            for (index, byte) in bytes.iter().enumerate() {
                let ends = frames.iter().scan(0, |end, frame| {
                    *end += frame.len();
                    Some(*end)
                });
                if !ends.into_iter().chain([0]).any(|end| end == index) {
                    assert!(!position.is_between_messages(), "{frames:x?} at {index}");
                }
                position.advance(&[*byte]);
            }
            assert_eq!(position.is_between_messages(), between, "{frames:x?}");
            let mut at_once = Position::default();
            at_once.advance(&bytes);
            assert_eq!(at_once, position);
        }
    }
}
