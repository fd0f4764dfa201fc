//! The steps in Korean.

use crate::neighbour::Direction;
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::words::{Sentence, less, list};

/// What a step says; what belongs to it in lines of its own is the same in every language.
pub(in crate::words) fn step(step: &Step) -> String {
    match step {
        Step::And { .. } => "네트워크 주소: 주소와 넷마스크를 AND 연산한다".to_owned(),
        Step::HostPart { .. } => {
            "호스트 부분: 주소와 와일드카드 마스크(넷마스크를 뒤집은 값)를 AND 연산한다".to_owned()
        }
        Step::Fill { .. } => "마지막 주소: 네트워크 주소의 호스트 비트를 모두 1로 채운다".to_owned(),
        Step::After { count, .. } => format!("분할 후: 서브넷 {count}개"),
        Step::NetworkBits { length, width, netmask } => format!(
            "/{length}: {width}비트 중 앞 {length}비트가 네트워크, 나머지 {}비트가 호스트이다. 넷마스크는 {netmask}이다",
            width - length
        ),
        Step::Addresses { width, length, count } => format!("주소 수: 2^({width}-{length}) = {count}개"),
        Step::Hosts { width, length, reserved, usable } => {
            let why = if *reserved == 2 {
                "네트워크 주소와 브로드캐스트 주소를 뺀다"
            } else {
                "서브넷 라우터 애니캐스트 주소를 뺀다"
            };
            format!("호스트 수: 2^({width}-{length}) - {reserved} = {usable}개 ({why})")
        }
        Step::AllUsable { length, width, usable } if length == width => {
            format!("호스트 수: {usable}개 (/{length}: 주소 하나)")
        }
        Step::AllUsable { length, width, usable } => {
            let rfc = if *width == 32 { "RFC 3021" } else { "RFC 6164" };
            format!("호스트 수: {usable}개 (/{length}: 링크의 양 끝이며 브로드캐스트 주소가 없다, {rfc})")
        }
        Step::Usable { subnet } => format!("사용 범위: {} ~ {}", subnet.first_usable, subnet.last_usable),
        Step::ClassBits { octet, class } => format!(
            "클래스: 첫 옥텟 {octet} = {octet:08b}, 첫 비트가 {}이므로 클래스 {class:?}이다",
            class.leading_bits()
        ),
        Step::ClassSize { row } => {
            let (class, bits) = (row.class, row.leading_bits);
            let begin = format!("클래스 {class:?}는 첫 비트가 {bits}이다: {} ~ {}", row.first, row.last);
            match (row.default_length, row.networks, row.hosts) {
                (Some(length), Some(networks), Some(hosts)) => format!(
                    "{begin}, 네트워크 2^({length}-{}) = {networks}개, 호스트 2^(32-{length}) - 2 = {hosts}개",
                    bits.len()
                ),
                _ => format!("{begin}, {}", super::use_of(class)),
            }
        }
        Step::Before { subnet } => {
            let Subnet { prefix, last, addresses, .. } = subnet;
            format!("분할 전: {prefix}, {} ~ {last}, 주소 {addresses}개", prefix.address())
        }
        Step::BitsForCount { count, bits } => {
            format!("서브넷 {count}개에 필요한 비트 수: 2^n >= {count}이므로 n = {bits}")
        }
        Step::Lengthen { from, bits, to } => format!("새로운 프리픽스 길이: /{from} + {bits} = /{to}"),
        Step::CountOfLengths { from, to, count } => format!("서브넷 수: 2^({to}-{from}) = {count}개"),
        Step::BitsForHosts { hosts, reserved, bits } => {
            format!("호스트 {hosts}개에 필요한 비트 수: 2^h - {reserved} >= {hosts}이므로 h = {bits}")
        }
        Step::LengthOfHosts { width, bits, length } => format!("프리픽스 길이: {width} - {bits} = /{length}"),
        Step::LargestFirst { order } => {
            let order: Vec<_> = order.iter().map(|(name, hosts)| format!("{name}({hosts})")).collect();
            format!("경계가 맞도록 큰 서브넷부터 놓는다: {}", order.join(", "))
        }
        Step::Place { name, hosts, reserved, bits, width, subnet } => format!(
            "{name}: 2^h{} >= {hosts}이므로 h = {bits}, {width} - {bits} = /{}: {}, {} ~ {}",
            less(*reserved),
            subnet.prefix.length(),
            subnet.prefix,
            subnet.prefix.address(),
            subnet.last
        ),
        Step::Left { prefixes, addresses } => {
            super::sentence(&Sentence::Left { prefixes, addresses: *addresses })
        }
        Step::Sort { given } => {
            format!(
                "프리픽스 {given}개를 주소 순으로, 주소가 같으면 짧은 것부터 정렬한다. 이웃이 나란히 놓인다"
            )
        }
        Step::Swallow { inner, outer } if inner == outer => format!("{inner}: 이미 있다"),
        Step::Swallow { inner, outer } => format!("{inner}: {outer} 안에 있다"),
        Step::Join { low, high, whole } => {
            format!("{low} + {high} = {whole}: {}번째 비트만 다르다", low.length())
        }
        Step::Cover { first, last, cover } => format!(
            "{first}, {last}: 앞 {}비트가 같다. 모두 포함하는 최소 프리픽스는 {cover}이다",
            cover.length()
        ),
        Step::More { left_out } => format!("… 이런 단계가 {left_out}개 더 있다"),
        Step::AndSoOn => "… 이와 같이 계속한다".to_owned(),
        Step::Halve { whole, low, high, kept } => {
            let kept = if kept.is_empty() { String::new() } else { format!(". 남는 것: {}", list(kept)) };
            format!("{whole} = {low} + {high}{kept}")
        }
        Step::Gone { prefix, by } if prefix == by => format!("{prefix}: 뺀다"),
        Step::Gone { prefix, by } => format!("{prefix}: {by} 안에 있으므로 뺀다"),
        Step::Lengths { outer, inner } => {
            let (a, b) = (inner.length(), outer.length());
            let sign = if a >= b { ">=" } else { "<" };
            let so =
                if a >= b { "안에 있을 수 있다" } else { "너무 커서 안에 있을 수 없다" };
            format!("길이: /{a} {sign} /{b}이므로 {so}")
        }
        Step::Compare { found, wanted } if found == wanted => format!("{found} = {wanted}이므로 안에 있다"),
        Step::Compare { found, wanted } => format!("{found} != {wanted}이므로 밖에 있다"),
        Step::Nested { outer, inner } => {
            format!("{inner}: 앞 {}비트가 {outer} 네트워크와 같다", outer.length())
        }
        Step::NoneNested => "모두 앞의 것이 끝난 뒤에 시작한다".to_owned(),
        Step::Block { prefix, zeros, last } => format!(
            "{}: 끝에 0비트가 {zeros}개이므로 최대 2^{zeros}개, {last}까지 2^{}개가 들어간다: {prefix}",
            prefix.address(),
            prefix.host_bits()
        ),
        Step::Ends { first, last, prefix } => format!("{prefix} = {first} ~ {last}"),
        Step::Follows { before, prefix } => {
            format!("{prefix}: {before} 바로 다음에 시작하여 {}에서 끝난다", prefix.last())
        }
        Step::Holes { pool, holes, .. } if holes.is_empty() => format!("{pool}: 빈 공간이 없다"),
        Step::Holes { pool, left_out: 0, .. } => format!("{pool}의 빈 공간:"),
        Step::Holes { pool, left_out, .. } => format!("{pool}의 빈 공간({left_out}곳이 더 있다):"),
        Step::BestFit { length, hole } => {
            format!("/{length} 서브넷이 들어가는 가장 작은 빈 공간, 같으면 주소가 가장 낮은 곳: {hole}")
        }
        Step::Take { hole, subnet } if *hole == subnet.prefix => "빈 공간 전체를 할당한다".to_owned(),
        Step::Take { hole, subnet } => format!("{hole}의 앞부분을 할당한다: {}", subnet.prefix),
        Step::Shift { from, bits, direction: Direction::Next, to } => {
            format!("다음: {} + 2^{bits} = {}", from.address(), to.address())
        }
        Step::Shift { from, bits, direction: Direction::Previous, to } => {
            format!("이전: {} - 2^{bits} = {}", from.address(), to.address())
        }
    }
}
