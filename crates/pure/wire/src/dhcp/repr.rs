//! What a message says.

use super::{Builder, Header, Options, Packet, code};

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repr {
    /// The fixed fields.
    pub header: Header,
    /// The server's name, up to 63 bytes.
    pub server_name: Vec<u8>,
    /// The boot file's name, up to 127 bytes.
    pub boot_file: Vec<u8>,
    /// The options.
    pub options: Options,
}

impl Repr {
    /// A message with these fields and options, and no names.
    pub fn new(header: Header, options: Options) -> Self {
        Self { header, server_name: Vec::new(), boot_file: Vec::new(), options }
    }

    /// Reads it.
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Self {
        let mut options = Options::new();
        packet.fragments().for_each(|(code, part)| options.append(code, part));
        Self {
            header: packet.header(),
            server_name: packet.server_name().to_vec(),
            boot_file: packet.boot_file().to_vec(),
            options,
        }
    }

    /// Writes it behind what is in the buffer, in at most `limit` bytes, or [`super::MINIMUM`] if that is more. Returns how
    /// many options there was no room for.
    pub fn emit(&self, limit: usize, out: &mut Vec<u8>) -> usize {
        let mut builder = Builder::new(out, &self.header, limit);
        builder.server_name(&self.server_name);
        builder.boot_file(&self.boot_file);
        let relay = self.options.value(code::RELAY_INFORMATION);
        if let Some(relay) = relay {
            builder.reserve(relay);
        }
        self.options.in_order().for_each(|(code, value)| {
            builder.option(code, value);
        });
        if let Some(relay) = relay {
            builder.reserved(code::RELAY_INFORMATION, relay);
        }
        builder.finish()
    }
}
