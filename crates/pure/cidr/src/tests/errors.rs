use super::{prefix, prefixes};
use crate::{
    Allocation, Containment, Direction, Error, Interface, Language, Merge, Neighbour, Plan, Ranges, Request,
    Size, Split, parse_prefix,
};

fn errors() -> Vec<Error> {
    let interface = |text: &str| Interface::parse(text).unwrap_err();
    let net = prefix("10.0.0.0/24");
    let plan = |text: &str| Request::parse(text).and_then(|requests| Plan::new(net, &requests)).unwrap_err();
    let allocate = |taken: &str| Allocation::new(net, prefixes(taken), Size::Length(25)).unwrap_err();
    vec![
        interface("010.0.0.1/8"),
        interface("fe80::1%eth0/64"),
        interface("10.0.0.0/eight"),
        interface("10.0.0.0/255.0.255.0"),
        interface("2001:db8::/255.255.0.0"),
        interface("10.0.0.0/33"),
        parse_prefix("192.168.1.77/24").unwrap_err(),
        plan("sales=many"),
        Merge::new(Vec::new()).unwrap_err(),
        Split::by_count(net, 0).unwrap_err(),
        plan("sales=0"),
        Split::by_size(net, Size::Length(20)).unwrap_err(),
        Split::by_count(net, 300).unwrap_err(),
        plan("sales=300"),
        Containment::new(net, prefix("::/0")).unwrap_err(),
        Ranges::parse("10.0.0.9-10.0.0.1").unwrap_err(),
        plan("sales"),
        plan("sales=5,sales=6"),
        plan("sales=100,ops=100,link=2"),
        allocate("10.0.0.1, 10.0.0.128/25"),
        allocate("10.0.0.0/8"),
        Neighbour::new(prefix("255.255.255.0/24"), Direction::Next).unwrap_err(),
        Neighbour::new(prefix("::/64"), Direction::Previous).unwrap_err(),
    ]
}

fn all(language: Language) -> String {
    let texts = errors()
        .into_iter()
        .map(|error| format!("{}\n  {}\n", error.message(language), error.hint(language)));
    texts.collect()
}

#[test]
fn say_what_is_wrong_and_what_to_do() {
    insta::assert_snapshot!(all(Language::En), @"");
    insta::assert_snapshot!(all(Language::Ko), @"");
}
