//! What a certificate says of its owner, in DER.

#![no_main]

use libfuzzer_sys::fuzz_target;
use madang_identity::Certificate;

fuzz_target!(|bytes: &[u8]| {
    let Some(certificate) = Certificate::read(bytes) else { return };
    assert!(!certificate.user.contains('\0'), "a name is whole");
    assert!(certificate.groups.iter().all(|group| !group.contains('\0')), "a group's name is whole");
    assert!(certificate.serial.bytes().all(|digit| digit.is_ascii_hexdigit()));
});
