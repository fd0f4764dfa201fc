//! `exec`, with and without a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::world::{World, stderr, stdout, until};

#[test]
fn the_exit_status_is_the_commands() {
    let world = World::with_shop();
    for code in [0, 1, 42, 143] {
        let output = world.madang(&["exec", "web-1", "--", "exit", &code.to_string()]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(code), String::new()));
    }
    let output = world.madang(&["exec", "web-1", "--", "nonsense"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).contains("because: nonsense was not found"), "{}", stderr(&output));
    let missing = world.madang(&["exec", "web-9", "--", "exit", "0"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("there is no Instance/web-9"), "{}", stderr(&missing));
}

#[test]
fn both_outputs_stay_apart() {
    let world = World::with_shop();
    let output = world.madang(&["exec", "web-1", "--", "both"]);
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("data\n", "words\n"));
}

#[test]
fn standard_input_goes_through_and_ends() {
    let world = World::with_shop();
    let mut child = world
        .command(&["exec", "-i", "web-1", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut stdin = child.stdin.take().unwrap();
    let sent = text.clone();
    let writing = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == text, "{} bytes came back of {}", output.stdout.len(), text.len());
    let without = world.madang(&["exec", "web-1", "--", "cat"]);
    assert_eq!(
        (without.status.code(), stdout(&without).as_str()),
        (Some(0), ""),
        "its input has ended at once"
    );
}

#[test]
fn no_terminal_is_said_and_is_no_failure() {
    let world = World::with_shop();
    let output = world.madang(&["exec", "-it", "web-1", "--", "both"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("Standard input is no terminal"), "{}", stderr(&output));
}

/// A terminal with the command on it.
struct Terminal {
    master: File,
    slave: OwnedFd,
    child: Child,
    seen: String,
}

impl Terminal {
    fn new(world: &World, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let slave = open();
        let size = Winsize { ws_col: 90, ws_row: 20, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).unwrap();
        let child = world.command(args).stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        Self { master: master.into(), slave: slave.into(), child, seen: String::new() }
    }

    fn mode(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    fn is_raw(&self) -> bool {
        !self.mode().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Reads until this was shown.
    fn expect(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(text) {
            let n = self.master.read(&mut buffer).unwrap();
            assert!(n > 0, "ended before {text:?}: {:?}", self.seen);
            self.seen += &String::from_utf8_lossy(&buffer[..n]);
        }
    }
}

#[test]
fn a_terminal_is_raw_meanwhile_and_as_before_afterwards() {
    let world = World::with_shop();
    let mut terminal = Terminal::new(&world, &["exec", "-it", "web-1", "--", "size"]);
    let before = terminal.mode();
    terminal.expect("tty=true 90x20");
    until("it is raw", || terminal.is_raw());
    let size = Winsize { ws_col: 50, ws_row: 10, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.slave, size).unwrap();
    // It is not the terminal's session: the kernel does not tell it by itself.
    kill_process(Pid::from_child(&terminal.child), Signal::WINCH).unwrap();
    terminal.expect("now 50x10");
    // Ctrl-C is a key for the command, and no signal.
    terminal.master.write_all(b"\x03").unwrap();
    terminal.expect("interrupted");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    let after = terminal.mode();
    assert_eq!(
        (after.local_modes, after.input_modes, after.output_modes),
        (before.local_modes, before.input_modes, before.output_modes)
    );
}

#[test]
fn a_terminal_is_put_back_when_a_signal_ends_it() {
    let world = World::with_shop();
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut terminal = Terminal::new(&world, &["exec", "-it", "web-1", "--", "size"]);
        let before = terminal.mode();
        terminal.expect("tty=true");
        until("it is raw", || terminal.is_raw());
        kill_process(Pid::from_child(&terminal.child), signal).unwrap();
        assert_eq!(terminal.child.wait().unwrap().code(), Some(code));
        assert_eq!(terminal.mode().local_modes, before.local_modes);
    }
}

#[test]
fn progress_is_redrawn_on_a_terminal() {
    let world = World::with_shop();
    let mut terminal = Terminal::new(&world, &["up", "-f", "shop.yaml"]);
    terminal.expect("0 of 3 ready");
    terminal.expect("\x1b[4A");
    world.make_ready();
    terminal.expect("3 of 3 ready");
    terminal.expect("Ready: 3 resources");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
}
