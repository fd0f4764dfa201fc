//! What a workload sees and may do.

use std::path::Path;

use crate::common::Host;

/// Keeps the sandbox open while commands run in it.
const WAIT: &[&str] = &["sleep", "3600"];

pub(crate) async fn every_namespace_is_another_one() {
    let host = Host::new(WAIT);
    host.start().await;
    for kind in ["net", "mnt", "pid", "uts", "ipc", "cgroup"] {
        let (code, inside) = host.sh(&format!("readlink /proc/self/ns/{kind}")).await;
        assert_eq!(code, 0, "{inside}");
        let outside = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert_ne!(Path::new(inside.trim()), outside, "{kind}");
        let main = host.observe().unwrap().process_pid.unwrap();
        let of_main = std::fs::read_link(format!("/proc/{main}/ns/{kind}")).unwrap();
        if kind != "cgroup" {
            assert_eq!(Path::new(inside.trim()), of_main, "{kind} of the workload");
        }
        assert_ne!(of_main, outside, "{kind} of the workload");
    }
    assert_eq!(host.sh("hostname; cat /etc/hostname").await.1, "web-1\nweb-1\n");
    assert_eq!(host.sh("cut -d: -f3 /proc/self/cgroup | sort -u | tail -1").await.1, "/\n");
    host.close().await;
}

pub(crate) async fn nothing_to_do_with_privileges() {
    for user in [65534, 0, 1234] {
        // The workload and a visitor alike.
        let host =
            Host::shell("cat /proc/self/status; id -u; id -g; id -G; echo end; exec sleep 3600").user(user);
        host.start().await;
        let workload = host.until_log("\nend\n").await;
        let (_, visitor) = host.sh("cat /proc/self/status; id -u; id -g; id -G").await;
        for status in [workload, visitor] {
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
            };
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(field(set), "0000000000000000", "{set} of user {user}");
            }
            assert_eq!(field("NoNewPrivs"), "1");
            assert_eq!(field("Seccomp"), "2");
            assert_eq!(field("Groups"), "");
            assert_eq!(field("SigBlk"), "0000000000000000");
            assert_eq!(field("SigIgn"), "0000000000000000");
            assert!(status.contains(&format!("\n{user}\n{user}\n{user}\n")), "{status}");
        }
        host.close().await;
    }
}

pub(crate) async fn files_of_the_host_are_to_read_and_secrets_are_not() {
    for user in [65534, 0] {
        let host = Host::new(WAIT).user(user);
        host.start().await;
        for path in
            ["/x", "/etc/x", "/usr/x", "/usr/bin/x", "/run/x", "/var/x", "/var/lib/x", "/dev/x", "/opt/x"]
        {
            let (code, said) = host.sh(&format!("echo > {path}")).await;
            assert_ne!(code, 0, "{path} as {user}");
            assert!(said.contains("Read-only") || said.contains("denied"), "{path} as {user}: {said}");
        }
        for path in ["/tmp", "/var/tmp", "/dev/shm"] {
            let own = format!("{path}/{}", host.workload.uid);
            let (code, said) = host.sh(&format!("ls -A {path} && echo mine > {own} && cat {own}")).await;
            assert_eq!((code, said.as_str()), (0, "mine\n"), "{path} as {user}: empty, and writable");
            assert!(!Path::new(&own).exists(), "{path} is private");
        }
        for path in
            ["/run", "/sys", "/root", "/home", "/boot", "/mnt", "/media", "/srv", "/var/log", "/var/lib"]
        {
            let (_, said) = host.sh(&format!("test ! -e {path} || ls -A {path}")).await;
            assert_eq!(said, "", "{path} as {user} looks empty");
        }
        for path in [
            "/etc/shadow",
            "/etc/gshadow",
            "/etc/machine-id",
            "/proc/kcore",
            "/proc/keys",
            "/proc/timer_list",
        ] {
            let (code, said) = host.sh(&format!("test ! -e {path} || cat {path}")).await;
            assert!(code != 0 && said.contains("denied") || said.is_empty(), "{path} as {user}: {said}");
        }
        for path in ["/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/sys/net/ipv4/ip_forward"] {
            let (code, said) = host.sh(&format!("echo b > {path}")).await;
            assert!(code != 0, "{path} as {user}: {said}");
        }
        assert_eq!(host.sh("cat /etc/resolv.conf").await.1, "nameserver 10.0.1.2\n");
        assert!(host.sh("cat /etc/hosts").await.1.ends_with("10.0.1.4 web-1\n10.0.1.5 db-1\n"));
        // Nothing that only some users of the host may read: without capabilities, user 0 sees what nobody sees.
        let (_, readable) = host.sh("find /etc ! -perm -o=r -type f -readable 2>/dev/null").await;
        assert_eq!(readable, "", "as {user}");
        host.close().await;
    }
}

pub(crate) async fn madangs_own_files_are_not_there() {
    let host = Host::below(Path::new("/opt"), WAIT).user(0);
    std::fs::create_dir_all(host.layout.state_dir()).unwrap();
    std::fs::write(host.layout.state_dir().join("store"), "secret").unwrap();
    host.start().await;
    let (_, said) = host.sh(&format!("ls -A {}", host.root().display())).await;
    assert_eq!(said, "", "the root looks empty");
    host.close().await;
}

pub(crate) async fn mounts_of_the_host_that_come_later_do_not_appear_and_namespaces_are_not_held() {
    let host = Host::new(WAIT);
    let other = host.layout.netns("other");
    madang_kernel::netns::create(&other).unwrap();
    host.start().await;
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&other).unwrap());
    let (_, mounts) = host.sh("cat /proc/self/mountinfo").await;
    assert!(!mounts.contains("nsfs") && !mounts.contains(&format!("net:[{inode}]")), "{mounts}");
    assert!(!mounts.contains("shared:") && !mounts.contains("master:"), "{mounts}");
    for line in mounts.lines().filter(|line| !line.contains(" - tmpfs") && !line.contains(" - proc")) {
        let options = line.split(' ').nth(5).unwrap();
        assert!(options.contains("nosuid"), "{line}");
        assert!(options.starts_with("ro,") || line.contains("devpts"), "{line}");
    }
    madang_kernel::netns::delete(&other).unwrap();
    host.close().await;
}

pub(crate) async fn what_leads_to_the_kernel_is_refused() {
    let script = r#"
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    error = ctypes.get_errno()
    print(name, "allowed" if result >= 0 else errno.errorcode[error])
for name, number in dict(unshare=272, setns=308, mount=165, umount2=166, pivot_root=155, chroot=161, bpf=321,
        perf_event_open=298, keyctl=250, add_key=248, request_key=249, userfaultfd=323, io_uring_setup=425, kexec_load=246,
        init_module=175, open_by_handle_at=304, process_vm_readv=310, fsopen=430, open_tree=428, reboot=169, swapon=167).items():
    call(name, number, 0, 0, 0, 0, 0)
call("ptrace", 101, 16, os.getppid(), 0, 0)
call("clone-newuser", 56, 0x10000000 | 17, 0, 0, 0, 0)
call("clone3", 435, 0, 0)
for name, family in dict(packet=17, vsock=40, alg=38).items():
    try:
        socket.socket(family, socket.SOCK_RAW)
        print(name, "allowed")
    except OSError as e:
        print(name, errno.errorcode[e.errno])
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
    print("raw", "allowed")
except OSError as e:
    print("raw", errno.errorcode[e.errno])
"#;
    let host = Host::new(WAIT).user(0);
    host.start().await;
    let (code, output, errors) = host.run(&["/usr/bin/python3", "-"], script).await;
    assert_eq!(code, 0, "{errors}");
    assert!(output.lines().count() > 25, "{output}{errors}");
    for line in output.lines() {
        let expected = if line.starts_with("clone3 ") { "ENOSYS" } else { "EPERM" };
        assert!(line.ends_with(expected), "{line}");
    }
    host.close().await;
}

pub(crate) async fn no_descriptor_of_the_host_leaks() {
    // One that is not closed by exec, as a careless library would leave it.
    let leak = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let host = Host::shell("ls -l /proc/self/fd; echo end; exec sleep 3600");
    host.start().await;
    let log = host.until_log("end").await;
    let (_, visitor) = host.sh("ls -l /proc/self/fd").await;
    for list in [log, visitor] {
        let links: Vec<&str> = list.lines().filter_map(|line| Some(line.split_once(" -> ")?.1)).collect();
        let others: Vec<&&str> = links
            .iter()
            .filter(|to| {
                !to.starts_with("/dev/null") && !to.starts_with("pipe:") && !to.starts_with("/proc/")
            })
            .collect();
        assert!(links.len() >= 3 && others.is_empty(), "{list}");
    }
    host.close().await;
}

pub(crate) async fn the_supervisor_cannot_be_seen_or_reached() {
    let host = Host::new(WAIT).user(0);
    host.start().await;
    let shim = host.observe().unwrap().shim;
    for probe in
        ["ls /proc/1", "cat /proc/1/environ", "ls /proc/1/fd", "readlink /proc/1/exe", "ls /proc/1/root/"]
    {
        let (code, said) = host.sh(probe).await;
        assert!(code != 0, "{probe}: {said}");
    }
    host.sh("kill -9 1; kill -TERM 1; kill -INT 1; kill -HUP 1").await;
    let (code, said) = host.sh("kill -0 1; echo still here").await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(host.observe().unwrap().shim, shim, "the same shim");
    host.close().await;
    let nobody = Host::new(WAIT);
    nobody.start().await;
    let (_, said) = nobody.sh("ls -d /proc/1 2>&1; kill -0 1 2>&1").await;
    assert!(said.contains("No such file") && said.contains("not permitted"), "{said}");
    nobody.close().await;
}

pub(crate) async fn the_binary_cannot_be_written_through_proc() {
    let host = Host::new(WAIT).user(0);
    host.start().await;
    // The interpreter is the program that the process is which runs the script: for a moment, this binary.
    host.sh("printf '#!/proc/self/exe hold\\n' > /tmp/x; chmod 755 /tmp/x").await;
    let mut session = host.exec(&["/tmp/x"], false).await;
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut tokio::io::BufReader::new(&mut session.stdout), &mut line)
        .await
        .unwrap();
    let exe = format!("/proc/{}/exe", line.trim());
    let (_, said) = host
        .sh(&format!("cmp -n 4 {exe} /bin/sh && echo a program; : > {exe}; mount -o remount,rw {exe}"))
        .await;
    assert!(said.contains("a program") && said.contains("Read-only file system"), "{said}");
    drop(session);
    host.close().await;
}

pub(crate) async fn everyday_programs_run() {
    let host = Host::new(&["python3", "-m", "http.server", "80"]);
    host.start().await;
    let wait = "for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1/ && break; sleep 0.05; done;";
    let (code, said) =
        host.sh(&format!("{wait} curl -sS -w '%{{http_code}}' -o /dev/null http://localhost/")).await;
    assert_eq!((code, said.as_str()), (0, "200"), "a port below 1024, a name from the hosts file");
    for (script, expected) in [
        ("ping -c1 -W2 127.0.0.1 | grep -o '1 received'", "1 received\n"),
        ("bash -c 'echo $((1+1)) < <(true)'", "2\n"),
        (
            "python3 -c 'import threading,subprocess; t=threading.Thread(target=print,args=(1,)); t.start(); t.join(); \
          print(subprocess.check_output([\"echo\",\"2\"]).decode(),end=\"\")'",
            "1\n2\n",
        ),
        ("awk 'BEGIN { print 3 }'", "3\n"),
        ("getent hosts db-1 | awk '{ print $1 }'", "10.0.1.5\n"),
        ("mkfifo /tmp/f && (echo 4 > /tmp/f &) && cat /tmp/f", "4\n"),
        ("id -un", "nobody\n"),
        ("echo 5 > /dev/stdout", "5\n"),
        ("dd if=/dev/urandom bs=8 count=1 2>/dev/null | wc -c", "8\n"),
        ("(sleep 0 & wait) && tar c /etc/passwd 2>/dev/null | tar t", "etc/passwd\n"),
    ] {
        let (code, said) = host.sh(script).await;
        assert_eq!((code, said.as_str()), (0, expected), "{script}");
    }
    host.close().await;
}
