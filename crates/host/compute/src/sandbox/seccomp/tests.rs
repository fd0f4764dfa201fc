use super::*;

/// Runs the filter as the kernel would: enough of classic BPF for what the compiler of filters makes.
fn verdict(filter: &Filter, arch: u32, number: u32, args: [u64; 6]) -> u32 {
    let mut packed = Vec::new();
    packed.extend(number.to_ne_bytes());
    packed.extend(arch.to_ne_bytes());
    packed.extend(0_u64.to_ne_bytes());
    args.iter().for_each(|arg| packed.extend(arg.to_ne_bytes()));
    let (mut accumulator, mut at) = (0_u32, 0_usize);
    loop {
        let sock_filter { code, jt, jf, k } = filter.0[at];
        at += 1;
        let code = u32::from(code);
        let branch = |taken: bool| usize::from(if taken { jt } else { jf });
        match code {
            c if c == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                let k = k as usize;
                accumulator = u32::from_ne_bytes(packed[k..k + 4].try_into().unwrap());
            }
            c if c == libc::BPF_RET | libc::BPF_K => return k,
            c if c == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => accumulator &= k,
            c if c == libc::BPF_JMP | libc::BPF_JA | libc::BPF_K => at += k as usize,
            c if c == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => at += branch(accumulator == k),
            c if c == libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K => at += branch(accumulator > k),
            c if c == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K => at += branch(accumulator >= k),
            other => panic!("instruction {other:#x}"),
        }
    }
}

const NATIVE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

fn errno(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

fn call(number: i64, args: [u64; 6]) -> u32 {
    verdict(&Filter::new(false).unwrap(), NATIVE, u32::try_from(number).unwrap(), args)
}

#[test]
fn what_leads_to_the_hosts_kernel_is_refused() {
    for number in [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_open_tree,
        libc::SYS_mount_setattr,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_kexec_load,
        libc::SYS_kexec_file_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_acct,
        libc::SYS_open_by_handle_at,
        libc::SYS_clock_settime,
        libc::SYS_quotactl,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_sethostname,
        libc::SYS_syslog,
    ] {
        assert_eq!(call(number, [0; 6]), errno(libc::EPERM), "call {number}");
    }
}

#[test]
fn everyday_calls_are_allowed() {
    for number in [
        libc::SYS_read,
        libc::SYS_openat,
        libc::SYS_execve,
        libc::SYS_exit_group,
        libc::SYS_rseq,
        libc::SYS_statx,
    ] {
        assert_eq!(call(number, [u64::MAX; 6]), ALLOW, "call {number}");
    }
}

#[test]
fn clone_makes_threads_and_processes_but_no_namespaces() {
    assert_eq!(
        call(libc::SYS_clone, [0x003d_0f00, 0, 0, 0, 0, 0]),
        ALLOW,
        "a thread, as the C library makes it"
    );
    assert_eq!(call(libc::SYS_clone, [0x0120_0011, 0, 0, 0, 0, 0]), ALLOW, "fork, as the C library makes it");
    for flag in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000_u64] {
        assert_eq!(call(libc::SYS_clone, [flag | 17, 0, 0, 0, 0, 0]), errno(libc::EPERM), "flag {flag:#x}");
    }
    assert_eq!(
        call(libc::SYS_clone3, [0; 6]),
        errno(libc::ENOSYS),
        "so that the C library falls back to clone"
    );
}

#[test]
fn sockets_of_the_internet_and_of_unix() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        call(libc::SYS_socket, [family, kind, protocol, 0, 0, 0].map(|a| u64::from(a.cast_unsigned())))
    };
    assert_eq!(socket(libc::AF_INET, libc::SOCK_STREAM, 0), ALLOW);
    assert_eq!(socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP), ALLOW);
    assert_eq!(socket(libc::AF_INET6, libc::SOCK_DGRAM, 0), ALLOW);
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_STREAM, 0), ALLOW);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE), ALLOW);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER), errno(libc::EPERM));
    for family in [libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG, libc::AF_BLUETOOTH, libc::AF_XDP] {
        assert_eq!(socket(family, libc::SOCK_RAW, 0), errno(libc::EPERM), "family {family}");
    }
    let high_bits = 1 << 32 | u64::from(libc::AF_VSOCK.cast_unsigned());
    assert_eq!(
        call(libc::SYS_socket, [high_bits, 1, 0, 0, 0, 0]),
        errno(libc::EPERM),
        "the kernel takes the low 32 bits"
    );
}

#[test]
fn nobody_types_into_a_terminal_for_its_user() {
    assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCGWINSZ, 0, 0, 0, 0]), ALLOW);
    assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0, 0]), errno(libc::EPERM));
    assert_eq!(call(libc::SYS_ioctl, [0, 1 << 32 | libc::TIOCSTI, 0, 0, 0, 0]), errno(libc::EPERM));
    assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCLINUX, 0, 0, 0, 0]), errno(libc::EPERM));
}

#[test]
fn only_known_personalities() {
    assert_eq!(call(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(
        call(libc::SYS_personality, [0x40_0000, 0, 0, 0, 0, 0]),
        errno(libc::EPERM),
        "READ_IMPLIES_EXEC"
    );
}

#[test]
fn other_numberings_kill_and_newer_calls_are_not_there() {
    let filter = Filter::new(false).unwrap();
    assert_eq!(verdict(&filter, 0x4000_0003, 4, [0; 6]), KILL, "i386");
    assert_eq!(verdict(&filter, NATIVE, X32 | 1, [0; 6]), KILL, "x32");
    assert_eq!(verdict(&filter, NATIVE, NEWEST + 1, [0; 6]), errno(libc::ENOSYS));
}

#[test]
fn a_worker_speaks_and_does_nothing_else() {
    let filter = Filter::for_worker().unwrap();
    let call = |number: i64, first: i32| {
        let args = [u64::from(first.cast_unsigned()), 0, 0, 0, 0, 0];
        verdict(&filter, NATIVE, u32::try_from(number).unwrap(), args)
    };
    for number in [libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_accept4, libc::SYS_getrandom] {
        assert_eq!(call(number, 0), ALLOW, "{number}");
    }
    for number in [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_clone,
        libc::SYS_openat,
        libc::SYS_kill,
        libc::SYS_pidfd_open,
        libc::SYS_prctl,
        libc::SYS_memfd_create,
        libc::SYS_setuid,
    ] {
        assert_eq!(call(number, 0), errno(libc::EPERM), "{number}");
    }
    assert_eq!(call(libc::SYS_clone3, 0), errno(libc::ENOSYS));
    for (family, said) in [
        (libc::AF_INET, ALLOW),
        (libc::AF_INET6, ALLOW),
        (libc::AF_UNIX, errno(libc::EPERM)),
        (libc::AF_NETLINK, errno(libc::EPERM)),
        (libc::AF_PACKET, errno(libc::EPERM)),
    ] {
        assert_eq!(call(libc::SYS_socket, family), said, "{family}");
    }
}
