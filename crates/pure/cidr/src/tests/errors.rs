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
        Split::by_size(net, Size::Hosts(300.into())).unwrap_err(),
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
    insta::assert_snapshot!(all(Language::En), @r#"
    "010.0.0.1" is no IP address
      write 192.168.1.10, numbers from 0 to 255 without zeroes before them, or 2001:db8::10
    "fe80::1%eth0" has a zone behind its %, and networks have none
      leave out the % and what is behind it
    "eight" is neither a prefix length nor a netmask
      write a length, as /24, or a mask, as 255.255.255.0 or 0.0.0.255
    255.0.255.0 is no netmask: it has holes (11111111.00000000.11111111.00000000)
      a netmask is ones and then zeroes, as 255.255.240.0; a wildcard is zeroes and then ones, as 0.0.15.255
    IPv6 has no dotted netmasks, and 2001:db8:: is an address of IPv6
      write a length, as 2001:db8::/64
    a prefix length of 33 is too long: an address has 32 bits
      write a length from 0 to 32
    192.168.1.77/24 is an address inside a network: the network is 192.168.1.0/24
      write 192.168.1.0/24, or ask for the address with info
    "many" is no whole number
      write digits alone, as 32
    no prefix was given
      write one or more prefixes, as 10.0.0.0/24 10.0.1.0/24
    a network cannot be split into 0 subnets
      ask for one or more
    a subnet for 0 hosts is no subnet
      ask for room for one host or more
    a /20 is larger than 10.0.0.0/24 and does not fit into it
      ask for a length from 24 to 32
    10.0.0.0/24 cannot be split into 300 subnets: it has 256 addresses
      ask for 256 at most, or split a larger network
    the subnets take 512 addresses, and 10.0.0.0/24 has 256: 256 are missing
      ask for less, or take a network with at least 512 addresses
    300 hosts do not fit into 10.0.0.0/24: it has room for 254
      ask for fewer hosts, or take a larger network
    10.0.0.0 and :: are not of one family: one is IPv4 and one is IPv6
      write both as IPv4 or both as IPv6
    the range ends before it begins: 10.0.0.1 is before 10.0.0.9
      write 10.0.0.1-10.0.0.9
    "sales" does not say which subnet is to have how many hosts
      write NAME=HOSTS, as sales=50
    two subnets have the name "sales"
      give each subnet a name of its own
    the subnets take 260 addresses, and 10.0.0.0/24 has 256: 4 are missing
      ask for less, or take a network with at least 260 addresses
    no /25 is free in 10.0.0.0/24: 127 addresses are free, and the largest hole is 10.0.0.64/26
      ask for a /26 or smaller, or look in another pool
    no /25 is free in 10.0.0.0/24: all of it is taken
      give some of it back, or look in another pool
    there is no prefix after 255.255.255.0/24: it is at the end of all addresses
      ask on the other side
    there is no prefix before ::/64: it is at the end of all addresses
      ask on the other side
    "#);
    insta::assert_snapshot!(all(Language::Ko), @r#"
    "010.0.0.1": IP 주소가 아니다
      192.168.1.10처럼 앞에 0을 붙이지 않은 0부터 255까지의 수나 2001:db8::10처럼 쓴다
    "fe80::1%eth0": % 뒤에 존이 있는데, 네트워크에는 존이 없다
      %와 그 뒤를 지운다
    "eight": 프리픽스 길이도 넷마스크도 아니다
      /24처럼 길이를 쓰거나 255.255.255.0, 0.0.0.255처럼 마스크를 쓴다
    255.0.255.0: 1이 이어지지 않아 넷마스크가 아니다(11111111.00000000.11111111.00000000)
      넷마스크는 255.255.240.0처럼 1 다음에 0이 오고, 와일드카드 마스크는 0.0.15.255처럼 0 다음에 1이 온다
    2001:db8::: IPv6 주소에는 점으로 구분한 넷마스크를 쓸 수 없다
      2001:db8::/64처럼 길이를 쓴다
    프리픽스 길이 33: 너무 길다. 주소는 32비트이다
      0부터 32까지의 길이를 쓴다
    192.168.1.77/24: 네트워크 안의 주소이다. 네트워크 주소는 192.168.1.0/24이다
      192.168.1.0/24 형태로 쓰거나, 주소에 대해서는 info를 쓴다
    "many": 정수가 아니다
      32처럼 숫자만 쓴다
    프리픽스가 하나도 없다
      10.0.0.0/24 10.0.1.0/24처럼 프리픽스를 하나 이상 쓴다
    네트워크를 서브넷 0개로 나눌 수 없다
      1개 이상을 쓴다
    호스트가 0개인 서브넷은 만들 수 없다
      호스트를 1개 이상 쓴다
    /20 서브넷은 10.0.0.0/24보다 커서 들어갈 수 없다
      24부터 32까지의 길이를 쓴다
    10.0.0.0/24에는 주소가 256개뿐이어서 서브넷 300개로 나눌 수 없다
      256개까지만 나누거나, 더 큰 네트워크를 나눈다
    서브넷에 주소 512개가 필요한데 10.0.0.0/24에는 256개가 있다. 256개가 모자란다
      호스트 수를 줄이거나, 주소가 512개 이상인 네트워크를 쓴다
    10.0.0.0/24에는 호스트가 254개까지만 들어가므로 300개를 넣을 수 없다
      호스트 수를 줄이거나, 더 큰 네트워크를 쓴다
    10.0.0.0, ::: 하나는 IPv4이고 하나는 IPv6이다
      둘 다 IPv4로 쓰거나 둘 다 IPv6로 쓴다
    범위의 끝이 시작보다 앞에 있다: 시작 10.0.0.9, 끝 10.0.0.1
      10.0.0.1-10.0.0.9 순서로 쓴다
    "sales": 어느 서브넷에 호스트가 몇 개 필요한지 알 수 없다
      sales=50처럼 이름=호스트수로 쓴다
    이름이 "sales"인 서브넷이 둘이다
      서브넷마다 다른 이름을 붙인다
    서브넷에 주소 260개가 필요한데 10.0.0.0/24에는 256개가 있다. 4개가 모자란다
      호스트 수를 줄이거나, 주소가 260개 이상인 네트워크를 쓴다
    10.0.0.0/24에는 빈 /25 서브넷이 없다. 빈 주소는 127개이고, 가장 큰 빈 공간은 10.0.0.64/26이다
      /26 또는 그보다 작은 서브넷을 찾거나, 다른 풀에서 찾는다
    10.0.0.0/24에는 빈 /25 서브넷이 없다. 모두 사용 중이다
      일부를 반납하거나, 다른 풀에서 찾는다
    255.255.255.0/24: 전체 주소의 끝이어서 다음 프리픽스가 없다
      반대쪽을 찾는다
    ::/64: 전체 주소의 처음이어서 이전 프리픽스가 없다
      반대쪽을 찾는다
    "#);
}
