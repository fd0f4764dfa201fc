//! What is wrong, and what to do about it, in Korean.

use crate::binary::with_boundary;
use crate::error::Error;
use crate::neighbour::Direction;

pub(in crate::words) fn error(error: &Error) -> String {
    match error {
        Error::Address { text } => format!("\"{text}\": IP 주소가 아니다"),
        Error::Zone { text } => format!("\"{text}\": % 뒤에 존이 있는데, 네트워크에는 존이 없다"),
        Error::Mask { text } => format!("\"{text}\": 프리픽스 길이도 넷마스크도 아니다"),
        Error::MaskHoles { mask } => {
            format!("{mask}: 1이 이어지지 않아 넷마스크가 아니다({})", with_boundary((*mask).into(), 128))
        }
        Error::MaskOfV6 { address } => {
            format!("{address}: IPv6 주소에는 점으로 구분한 넷마스크를 쓸 수 없다")
        }
        Error::Length { length, width } => {
            format!("프리픽스 길이 {length}: 너무 길다. 주소는 {width}비트이다")
        }
        Error::HostBits { address, network } => {
            format!("{address}/{}: 네트워크 안의 주소이다. 네트워크 주소는 {network}이다", network.length())
        }
        Error::Number { text } => format!("\"{text}\": 정수가 아니다"),
        Error::Nothing => "프리픽스가 하나도 없다".to_owned(),
        Error::NoSubnets => "네트워크를 서브넷 0개로 나눌 수 없다".to_owned(),
        Error::NoHosts => "호스트가 0개인 서브넷은 만들 수 없다".to_owned(),
        Error::Shorter { within, length } => {
            format!("/{length} 서브넷은 {within}보다 커서 들어갈 수 없다")
        }
        Error::TooManySubnets { within, count, most } => {
            format!("{within}에는 주소가 {most}개뿐이어서 서브넷 {count}개로 나눌 수 없다")
        }
        Error::TooManyHosts { within, hosts, most } => {
            format!("{within}에는 호스트가 {most}개까지만 들어가므로 {hosts}개를 넣을 수 없다")
        }
        Error::Families { first, second } => {
            format!("{first}, {second}: 하나는 IPv4이고 하나는 IPv6이다")
        }
        Error::Backwards { first, last } => {
            format!("범위의 끝이 시작보다 앞에 있다: 시작 {first}, 끝 {last}")
        }
        Error::Request { text } => {
            format!("\"{text}\": 어느 서브넷에 호스트가 몇 개 필요한지 알 수 없다")
        }
        Error::SameName { name } => format!("이름이 \"{name}\"인 서브넷이 둘이다"),
        Error::NotEnough { within, needed, available } => format!(
            "서브넷에 주소 {needed}개가 필요한데 {within}에는 {available}개가 있다. {}개가 모자란다",
            needed.minus(*available)
        ),
        Error::Full { pool, length, largest: None, .. } => {
            format!("{pool}에는 빈 /{length} 서브넷이 없다. 모두 사용 중이다")
        }
        Error::Full { pool, length, free, largest: Some(hole) } => {
            format!(
                "{pool}에는 빈 /{length} 서브넷이 없다. 빈 주소는 {free}개이고, 가장 큰 빈 공간은 {hole}이다"
            )
        }
        Error::NoNeighbour { prefix, direction: Direction::Next } => {
            format!("{prefix}: 전체 주소의 끝이어서 다음 프리픽스가 없다")
        }
        Error::NoNeighbour { prefix, direction: Direction::Previous } => {
            format!("{prefix}: 전체 주소의 처음이어서 이전 프리픽스가 없다")
        }
    }
}

pub(in crate::words) fn hint(error: &Error) -> String {
    match error {
        Error::Address { .. } => {
            "192.168.1.10처럼 앞에 0을 붙이지 않은 0부터 255까지의 수나 2001:db8::10처럼 쓴다".to_owned()
        }
        Error::Zone { .. } => "%와 그 뒤를 지운다".to_owned(),
        Error::Mask { .. } => "/24처럼 길이를 쓰거나 255.255.255.0, 0.0.0.255처럼 마스크를 쓴다".to_owned(),
        Error::MaskHoles { .. } => {
            "넷마스크는 255.255.240.0처럼 1 다음에 0이 오고, 와일드카드 마스크는 0.0.15.255처럼 \
            0 다음에 1이 온다"
                .to_owned()
        }
        Error::MaskOfV6 { address } => format!("{address}/64처럼 길이를 쓴다"),
        Error::Length { width, .. } => format!("0부터 {width}까지의 길이를 쓴다"),
        Error::HostBits { network, .. } => format!("{network} 형태로 쓰거나, 주소에 대해서는 info를 쓴다"),
        Error::Number { .. } => "32처럼 숫자만 쓴다".to_owned(),
        Error::Nothing => "10.0.0.0/24 10.0.1.0/24처럼 프리픽스를 하나 이상 쓴다".to_owned(),
        Error::NoSubnets => "1개 이상을 쓴다".to_owned(),
        Error::NoHosts => "호스트를 1개 이상 쓴다".to_owned(),
        Error::Shorter { within, .. } => {
            format!("{}부터 {}까지의 길이를 쓴다", within.length(), within.family().width())
        }
        Error::TooManySubnets { most, .. } => format!("{most}개까지만 나누거나, 더 큰 네트워크를 나눈다"),
        Error::TooManyHosts { .. } => "호스트 수를 줄이거나, 더 큰 네트워크를 쓴다".to_owned(),
        Error::Families { .. } => "둘 다 IPv4로 쓰거나 둘 다 IPv6로 쓴다".to_owned(),
        Error::Backwards { first, last } => format!("{last}-{first} 순서로 쓴다"),
        Error::Request { .. } => "sales=50처럼 이름=호스트수로 쓴다".to_owned(),
        Error::SameName { .. } => "서브넷마다 다른 이름을 붙인다".to_owned(),
        Error::NotEnough { needed, .. } => {
            format!("호스트 수를 줄이거나, 주소가 {needed}개 이상인 네트워크를 쓴다")
        }
        Error::Full { largest: Some(hole), .. } => {
            format!("/{} 또는 그보다 작은 서브넷을 찾거나, 다른 풀에서 찾는다", hole.length())
        }
        Error::Full { largest: None, .. } => "일부를 반납하거나, 다른 풀에서 찾는다".to_owned(),
        Error::NoNeighbour { .. } => "반대쪽을 찾는다".to_owned(),
    }
}
