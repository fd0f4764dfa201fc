//! The group whose members may use the socket: `madang`, if there is one.

use std::fs;

/// The group's name.
const GROUP: &str = "madang";

/// The number of the group `madang` of this host, if there is one. Only /etc/group is looked at: who may be as powerful as
/// root is decided on this host.
pub fn socket_group() -> Option<u32> {
    number(&fs::read_to_string("/etc/group").ok()?)
}

fn number(groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == GROUP).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        assert_eq!(number("root:x:0:\nmadang-dev:x:5:\nmadang:x:998:ana,ben\n"), Some(998));
        assert_eq!(number("root:x:0:\nmadang-dev:x:5:ana\n"), None);
        assert_eq!(number("madang:x:many:\n"), None);
        assert_eq!(number(""), None);
    }
}
