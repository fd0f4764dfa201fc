//! The pipeline's stages: a file each, of the same name as in `bpf/stages/`.

pub(crate) mod conntrack;
pub(crate) mod deliver;
pub mod dhcp;
pub(crate) mod dnat;
pub(crate) mod guard;
pub(crate) mod parse;
pub(crate) mod policy;
pub(crate) mod refuse;
pub(crate) mod route;
pub(crate) mod snat;
