//! One WebSocket frame as bytes, right or wrong on purpose.

/// The opcodes of RFC 6455 that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opcode(pub(crate) u8);

impl Opcode {
    pub(crate) const CONTINUATION: Opcode = Opcode(0);
    pub(crate) const TEXT: Opcode = Opcode(1);
    pub(crate) const BINARY: Opcode = Opcode(2);
    pub(crate) const CLOSE: Opcode = Opcode(8);
    pub(crate) const PING: Opcode = Opcode(9);
    pub(crate) const PONG: Opcode = Opcode(10);
}

/// How the length of a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// The shortest form that holds it, as the RFC demands.
    Minimal,
    /// Two bytes, whatever it is.
    Two,
    /// Eight bytes, whatever it is.
    Eight,
    /// Eight bytes that announce this, whatever follows.
    Announced(u64),
}

/// A frame. Clients mask; a test may leave it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub(crate) rsv: u8,
    pub(crate) opcode: Opcode,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) length: Length,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A final, masked frame.
    pub(crate) fn new(opcode: Opcode, payload: impl AsRef<[u8]>) -> Frame {
        Frame {
            fin: true,
            rsv: 0,
            opcode,
            mask: Some([0x37, 0xfa, 0x21, 0x3d]),
            length: Length::Minimal,
            payload: payload.as_ref().to_vec(),
        }
    }

    pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::TEXT, payload)
    }

    pub(crate) fn continuation(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::CONTINUATION, payload)
    }

    pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::PING, payload)
    }

    pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::PONG, payload)
    }

    /// A close frame with a code and a reason, which need not be UTF-8.
    pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
        Frame::new(Opcode::CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
    }

    /// Not the last fragment of its message.
    pub(crate) fn more(mut self) -> Frame {
        self.fin = false;
        self
    }

    pub(crate) fn rsv(mut self, bits: u8) -> Frame {
        self.rsv = bits;
        self
    }

    pub(crate) fn unmasked(mut self) -> Frame {
        self.mask = None;
        self
    }

    pub(crate) fn masked_with(mut self, key: [u8; 4]) -> Frame {
        self.mask = Some(key);
        self
    }

    pub(crate) fn length(mut self, form: Length) -> Frame {
        self.length = form;
        self
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode.0];
        let length = self.payload.len();
        match self.length {
            Length::Minimal if length < 126 => bytes.push(mask_bit | length as u8),
            Length::Minimal | Length::Two if length <= usize::from(u16::MAX) => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            Length::Announced(announced) => {
                bytes.push(mask_bit | 127);
                bytes.extend(announced.to_be_bytes());
            }
            Length::Minimal | Length::Two | Length::Eight => {
                bytes.push(mask_bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        match self.mask {
            None => bytes.extend(&self.payload),
            Some(key) => {
                bytes.extend(key);
                bytes.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            }
        }
        bytes
    }

    /// The code of a close frame, if it carries one.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = self.payload.get(..2)?;
        Some(u16::from_be_bytes([code[0], code[1]]))
    }
}
