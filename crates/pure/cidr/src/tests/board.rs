//! The working of huge answers is bounded, no line is too long, and every step says something in each language.

use super::{prefix, prefixes};
use crate::text::width;
use crate::{
    Allocation, Answer, COLUMNS, Classes, Containment, Direction, Info, Interface, Language, Merge,
    Neighbour, Overlaps, Plan, Ranges, Request, Size, Split, Subtraction,
};

/// The longest that there is: all digits of IPv6.
const LONG: &str = "2001:db8:1111:2222:3333:4444:5555:6666";

fn look(answer: &impl Answer) {
    let steps = answer.steps();
    assert!(steps.len() < 200, "{}", steps.len());
    for language in Language::ALL {
        for line in answer.lines(language).take(300).chain(answer.working(language)) {
            assert!(width(&line) <= COLUMNS, "{} columns: {line}", width(&line));
            assert_eq!(line, line.trim_end());
        }
        assert!(steps.iter().all(|step| step.lines(language).iter().all(|line| !line.trim().is_empty())));
    }
}

#[test]
fn fits() {
    for text in [
        format!("{LONG}/77"),
        format!("{LONG}/128"),
        "::/0".into(),
        "223.255.255.254/31".into(),
        "0.0.0.0/0".into(),
    ] {
        let interface = Interface::parse(&text).unwrap();
        look(&Info::of(interface));
        let (first, last) = (interface.network.address(), interface.network.last());
        look(&Ranges::parse(&format!("{first}-{last}")).unwrap());
    }
    let (six, four) = (prefix("2001:db8:1111:2222:3333:4444:5555:0/112"), prefix("0.0.0.0/0"));
    for (within, size) in [
        (six, Size::Length(127)),
        (six, Size::Hosts(9.into())),
        (prefix("::/0"), Size::Length(128)),
        (four, Size::Length(32)),
    ] {
        look(&Split::by_size(within, size).unwrap());
    }
    look(&Split::by_count(prefix("::/0"), u128::MAX).unwrap());
    let requests = Request::parse("development=300,sales=50,operations=20,link=2,other=1").unwrap();
    look(&Plan::new(six, &requests).unwrap());
    look(&Plan::new(prefix("172.16.0.0/12"), &requests).unwrap());
    let odd: Vec<_> = six.subnets(128).unwrap().skip(1).step_by(2).take(500).collect();
    let hole = Subtraction::new(vec![six], odd.clone()).unwrap();
    look(&hole);
    look(&Merge::new(hole.prefixes.clone()).unwrap());
    look(&Merge::new(six.subnets(128).unwrap().take(999).collect()).unwrap());
    look(&Ranges::of(hole.prefixes).unwrap());
    look(&Ranges::parse("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").unwrap());
    look(&Allocation::new(six, odd.clone(), Size::Length(128)).unwrap());
    look(&Allocation::new(six, Vec::new(), Size::Hosts(3.into())).unwrap());
    look(&Overlaps::new(&[odd.clone(), odd].concat()).unwrap());
    look(&Overlaps::new(&prefixes("10.0.0.0/24 10.0.1.0/24")).unwrap());
    look(&Containment::new(six, prefix(LONG)).unwrap());
    look(&Neighbour::new(six, Direction::Next).unwrap());
    look(&Neighbour::new(six, Direction::Previous).unwrap());
    look(&Classes::table());
}
