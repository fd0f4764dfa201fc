//! Which address comes next.

use std::net::IpAddr;

use crate::Prefix;

/// The lowest address of the prefix that is not taken. Costs one question an address that is taken.
pub fn first_free(prefix: Prefix, taken: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    (0..).map_while(|n| prefix.nth(n)).find(|address| !taken(*address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_lowest_and_ends() {
        let prefix: Prefix = "10.0.0.0/30".parse().unwrap();
        let last = |n: u8| move |a: IpAddr| a < prefix.nth(u128::from(n)).unwrap();
        assert_eq!(first_free(prefix, last(2)).unwrap().to_string(), "10.0.0.2");
        assert_eq!(first_free(prefix, |_| true), None);
    }
}
