//! Packet formats: a checked view of bytes and what it means, for each.
