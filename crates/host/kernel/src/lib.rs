//! The Linux kernel: netlink, namespaces, eBPF, cgroups, features.
