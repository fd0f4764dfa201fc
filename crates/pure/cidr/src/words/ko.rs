//! Korean, in the terms of Korean textbooks on networks.

use crate::class::Class;
use crate::contains::Relation;
use crate::kind::{Kind, Reach, Special};
use crate::words::{Label, Sentence, list};

mod error;
mod step;

pub(super) use error::{error, hint};
pub(super) use step::step;

pub(super) const CLASSES_NOTE: &str = "A에서 C로 갈수록 네트워크 비트가 늘고 호스트 비트가 준다. 그래서 네트워크 수는 많아지고 \
    네트워크 하나의 주소 수는 적어진다. 1993년부터는 프리픽스로 네트워크의 길이를 나타낸다(CIDR, RFC 4632).";

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::Address => "주소",
        Label::Addresses => "주소 수",
        Label::Allocated => "할당한 서브넷",
        Label::AndNetmask => "AND 넷마스크",
        Label::Broadcast => "브로드캐스트 주소",
        Label::Class => "클래스",
        Label::Cover => "모두 포함하는 최소 프리픽스",
        Label::Expanded => "전체 표기",
        Label::FirstAddress => "첫 주소",
        Label::FirstUsable => "첫 사용 가능 주소",
        Label::Fragmentation => "단편화",
        Label::Free => "남은 공간",
        Label::Hex => "16진수",
        Label::HostPart => "호스트 부분",
        Label::Hosts => "사용 가능 호스트 수",
        Label::HostsEach => "호스트 수",
        Label::Integer => "정수",
        Label::IsNetwork => "= 네트워크 주소",
        Label::Kind => "종류",
        Label::LargestFree => "가장 큰 빈 공간",
        Label::LastAddress => "마지막 주소",
        Label::LastUsable => "마지막 사용 가능 주소",
        Label::LeadingBits => "첫 비트",
        Label::MoreOfThis => "더 할당할 수 있는 수",
        Label::Name => "이름",
        Label::Netmask => "넷마스크",
        Label::Network => "네트워크 주소",
        Label::Networks => "네트워크 수",
        Label::Number => "번호",
        Label::Pointer => "역방향 이름",
        Label::ReverseZone => "역방향 존",
        Label::Room => "수용",
        Label::Subnet => "서브넷",
        Label::Use => "용도",
        Label::Wanted => "호스트",
        Label::Wildcard => "와일드카드 마스크",
    }
}

pub(super) fn sentence(sentence: &Sentence<'_>) -> String {
    match sentence {
        Sentence::Apart { given } => format!("프리픽스 {given}개 가운데 겹치는 것이 없다."),
        Sentence::Class(class) => match class.default_length() {
            Some(length) => format!("{class:?}: 첫 비트 {}, 네트워크는 /{length}", class.leading_bits()),
            None => format!("{class:?}: 첫 비트 {}, {}", class.leading_bits(), use_of(*class)),
        },
        Sentence::Contains { outer, inner, relation } => match relation {
            Relation::Same => format!("그렇다: {inner} 자체가 {outer}이다."),
            Relation::Inside => format!("그렇다: {inner} 전체가 {outer} 안에 있다."),
            Relation::Around => format!("아니다: {inner} 쪽이 더 커서 {outer} 전체를 포함한다."),
            Relation::Apart => format!("아니다: {inner} 전체가 {outer} 밖에 있다."),
        },
        Sentence::CoverExtra(extra) if extra.small() == Some(0) => "다른 주소는 들어 있지 않다".to_owned(),
        Sentence::CoverExtra(extra) => format!("다른 주소 {extra}개가 함께 들어 있다"),
        Sentence::Free { addresses, holes } => format!("빈 공간 {holes}곳에 주소 {addresses}개"),
        Sentence::LastZone { last, count } => format!("… {last} (존 {count}개)"),
        Sentence::Left { prefixes: [], .. } => "남는 것이 없다.".to_owned(),
        Sentence::Left { prefixes, addresses } => {
            format!("남는 것: {} (주소 {addresses}개)", list(prefixes))
        }
        Sentence::Merged { given, left, addresses } => {
            format!("프리픽스 {given}개를 {left}개로 합친다. 주소는 모두 {addresses}개이다.")
        }
        Sentence::MoreOf { count, length } => format!("/{length} {count}개"),
        Sentence::Range { first, last, addresses, prefixes } => {
            format!("{first} ~ {last}: 주소 {addresses}개, 프리픽스 {prefixes}개")
        }
        Sentence::ReachesOut { network, block } => {
            format!("주소의 종류이다. 네트워크 {network}에는 {block} 밖의 주소도 있다.")
        }
        Sentence::Spare { wanted, spare } => format!("{wanted}개가 필요하므로 {spare}개가 남는다."),
        Sentence::Special(special) => describe(special),
        Sentence::Split { prefix, total, subnet } => format!(
            "{prefix}: /{} 서브넷 {total}개로 나눈다. 서브넷 하나에 주소 {}개, 사용 가능 호스트 {}개이다.",
            subnet.prefix.length(),
            subnet.addresses,
            subnet.usable,
        ),
        Sentence::Subtracted { prefixes: 0, taken, .. } => {
            format!("남는 것이 없다. 주소 {taken}개가 모두 빠졌다.")
        }
        Sentence::Subtracted { prefixes, left, taken } => {
            format!("프리픽스 {prefixes}개, 주소 {left}개가 남고 주소 {taken}개가 빠졌다.")
        }
    }
}

fn describe(special: &Special) -> String {
    let reach = match special.reach {
        Reach::Global => ", 인터넷에서 접근할 수 있다",
        Reach::Local => ", 인터넷에서 접근할 수 없다",
        Reach::Depends => "",
    };
    let block = if special.block.length() == 0 { String::new() } else { format!("{}, ", special.block) };
    format!("{} ({block}{}){reach}", kind(special.kind), special.rfc)
}

pub(super) fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "=  (같다)",
        Relation::Inside => "⊂  (안에 있다)",
        Relation::Around => "⊃  (포함한다)",
        Relation::Apart => "≠  (겹치지 않는다)",
    }
}

pub(super) fn use_of(class: Class) -> &'static str {
    match class {
        Class::A => "대규모 네트워크",
        Class::B => "중규모 네트워크",
        Class::C => "소규모 네트워크",
        Class::D => "멀티캐스트",
        Class::E => "예약",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "공인 주소(글로벌)",
        Kind::Private => "사설 주소",
        Kind::UniqueLocal => "고유 로컬 주소(사설)",
        Kind::Shared => "통신사 공유 주소(CGNAT)",
        Kind::Loopback => "루프백 주소",
        Kind::LinkLocal => "링크 로컬 주소",
        Kind::SiteLocal => "사이트 로컬 주소(폐지)",
        Kind::ThisNetwork => "이 네트워크",
        Kind::Unspecified => "지정되지 않은 주소",
        Kind::Broadcast => "제한된 브로드캐스트 주소",
        Kind::Documentation => "문서용 주소",
        Kind::Benchmarking => "성능 시험용 주소",
        Kind::Reserved => "예약된 주소",
        Kind::Unallocated => "할당되지 않은 주소",
        Kind::Multicast => "멀티캐스트 주소",
        Kind::ProtocolAssignments => "IETF 프로토콜용 주소",
        Kind::ServiceContinuity => "IPv4 서비스 연속성용 주소(DS-Lite, 464XLAT)",
        Kind::Dummy => "더미 주소",
        Kind::PortControl => "PCP 애니캐스트 주소",
        Kind::Relay => "TURN 애니캐스트 주소",
        Kind::DnsSd => "서비스 등록(DNS-SD) 애니캐스트 주소",
        Kind::Nat64Discovery => "NAT64/DNS64 탐색용 주소",
        Kind::Nat64 => "NAT64: IPv6에 담은 IPv4 주소",
        Kind::LocalNat64 => "네트워크 내부용 NAT64 주소",
        Kind::As112 => "AS112: 사설 역방향 존에 답하는 서버",
        Kind::MulticastTunnel => "멀티캐스트 터널(AMT)",
        Kind::SixToFourRelay => "6to4 릴레이 애니캐스트 주소(폐지)",
        Kind::SixToFour => "6to4: IPv4 위의 IPv6",
        Kind::Teredo => "Teredo: UDP 위의 IPv6",
        Kind::Mapped => "IPv4 매핑 주소",
        Kind::Compatible => "IPv4 호환 주소(폐지)",
        Kind::Discard => "폐기용 주소",
        Kind::Orchid => "ORCHID(종료)",
        Kind::OrchidV2 => "ORCHIDv2: 식별자의 해시",
        Kind::DroneId => "드론 식별자(DET)",
        Kind::SegmentRouting => "SRv6 세그먼트",
    }
}
