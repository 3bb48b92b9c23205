//! The few kinds of fields of a protobuf message that an event needs, by its wire format
//! (protobuf.dev/programming-guides/encoding).

/// Bytes behind their length.
const LENGTH_DELIMITED: u8 = 2;
/// Eight bytes, little end first.
const FIXED_64: u8 = 1;
/// Four bytes, little end first.
const FIXED_32: u8 = 5;
/// Seven bits a byte, the lowest first.
const VARINT: u8 = 0;

/// A message in the making, field by field in the order of the calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn double(mut self, field: u8, value: f64) -> Self {
        self.key(field, FIXED_64);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn float(mut self, field: u8, value: f32) -> Self {
        self.key(field, FIXED_32);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// An `int64` that is not negative.
    pub(crate) fn integer(mut self, field: u8, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    pub(crate) fn text(self, field: u8, value: &str) -> Self {
        self.delimited(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u8, value: &Self) -> Self {
        self.delimited(field, &value.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn delimited(mut self, field: u8, value: &[u8]) -> Self {
        self.key(field, LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.bytes.extend(value);
        self
    }

    fn key(&mut self, field: u8, kind: u8) {
        self.varint(u64::from(field) << 3 | u64::from(kind));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 150, `testing` and a message within are the examples of the format's own documentation.
    #[test]
    fn fields_are_those_of_the_documentation() {
        let integer = Message::default().integer(1, 150);
        assert_eq!(integer.bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing");
        assert_eq!(
            text.bytes(),
            [0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g']
        );
        let within = Message::default().message(3, &integer);
        assert_eq!(within.bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }

    #[test]
    fn numbers_have_their_little_end_first() {
        let numbers = Message::default().float(1, 1.0).double(2, -2.0);
        assert_eq!(
            numbers.bytes(),
            [0x0d, 0, 0, 0x80, 0x3f, 0x11, 0, 0, 0, 0, 0, 0, 0, 0xc0]
        );
    }
}
