//! What can be typed, and what help says.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("madang").chain(line.split_whitespace()))
}

fn help(words: &[&str]) -> String {
    let mut command = Cli::command().term_width(80);
    command.build();
    let mut command = &mut command;
    for word in words {
        command = command.find_subcommand_mut(word).unwrap();
    }
    command.render_long_help().to_string()
}

#[test]
fn clap_finds_no_fault() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_summary_examples_and_says_what_needs_root() {
    let all = Cli::command();
    let own = all.get_subcommands().map(|command| (vec![command.get_name()], command));
    let inner = all.get_subcommands().flat_map(|outer| {
        outer.get_subcommands().map(|inner| (vec![outer.get_name(), inner.get_name()], inner))
    });
    for (words, command) in own.chain(inner) {
        let help = help(&words);
        assert!(command.get_about().is_some(), "{}", command.get_name());
        assert!(help.contains("Examples:\n  "), "{help}");
        assert!(help.contains("Needs root: "), "{help}");
        let examples = command.get_after_help().unwrap().to_string();
        assert!(examples.lines().all(|line| line.chars().count() <= 80), "wrapped in 80 columns: {examples}");
    }
}

#[test]
fn the_first_help() {
    insta::assert_snapshot!(help(&[]), @"
    Your own private cloud network: one binary, one file

    Usage: madang [OPTIONS] <COMMAND>

    Commands:
      up          Bring up what a file declares, and wait until it is ready
      down        Take down what a file declares, and wait until it is gone
      serve       Run the daemon in the foreground
      apply       Create and change what files declare
      plan        Show what files would change, what would become reachable, and
                  whether the assertions would hold [alias: diff]
      confirm     Keep a change that was applied with --confirm
      rollback    Take back a change that was applied with --confirm
      get         List resources
      describe    Say everything about resources
      events      Tell what happened to resources
      delete      Delete resources
      exec        Run a command in an instance's sandbox
      logs        Print what an instance's process wrote
      explain     Say why a packet goes where it goes
      user        Give people and programs access to the API
      kubeconfig  Print a kubeconfig, for kubectl and other clients of Kubernetes
      drops       Show which packets were dropped, and why
      doctor      Check what this host can do, what is missing, and how to get it
      schema      Print the JSON Schema of a kind, or of all
      cidr        Calculate with addresses and subnets
      dhcp        Lease addresses on a link, and get one there
      store       Back up, restore and check what is declared
      completion  Print a shell's completion script
      version     Print the version of this binary and of the daemon

    Options:
      -h, --help
              Print help

      -V, --version
              Print version

    Global options:
      -n, --namespace <PROJECT>
              The project: a namespace; `default` if left out

          --root <DIR>
              Keep everything of this Madang below DIR: several can run side by side

      -v, --verbose...
              Say more; twice: still more

          --color <WHEN>
              When to use colours: auto, always or never
              
              [default: auto]

    Start with:
      madang doctor            what this host can do
      madang plan -f FILE      what a file would change
      sudo madang up -f FILE   do it

    Exit status: 0 done, 1 failed, 2 wrong usage.
    ");
}

#[test]
fn the_help_of_up() {
    insta::assert_snapshot!(help(&["up"]), @"
    Bring up what a file declares, and wait until it is ready

    Starts the daemon if none answers, applies the file in one transaction, and
    shows each resource's progress until all are ready, or says which is not and
    why. The daemon goes on when this command ends, also when Ctrl-C ends it.

    Usage: madang up [OPTIONS] --file <FILE>

    Options:
      -f, --file <FILE>
              A file of YAML or JSON, a folder of them, or - for standard input; can
              be given several times

      -R, --recursive
              Take the folders in folders too

          --confirm <TIME>
              Roll the change back unless `madang confirm` comes within TIME, as 60s
              or 5m

      -d, --detach
              Do not wait until everything is ready

          --timeout <TIME>
              How long to wait, as 90s or 2m
              
              [default: 60s]

      -h, --help
              Print help (see a summary with '-h')

    Global options:
      -n, --namespace <PROJECT>
              The project: a namespace; `default` if left out

          --root <DIR>
              Keep everything of this Madang below DIR: several can run side by side

      -v, --verbose...
              Say more; twice: still more

          --color <WHEN>
              When to use colours: auto, always or never
              
              [default: auto]

    Examples:
      sudo madang up -f shop.yaml             bring it up and wait until it is ready
      sudo madang up -f shop.yaml --detach    do not wait
      sudo madang up -f shop.yaml --confirm 5m    take it back if unconfirmed
      sudo madang down -f shop.yaml           take it down again

    Needs root: yes, to start the daemon and to speak to it.
    ");
}

#[test]
fn the_help_of_explain() {
    insta::assert_snapshot!(help(&["explain"]), @"
    Say why a packet goes where it goes

    Prints every stage's decision from the live tables, with the resource and the
    line of the file that decided it. FROM and TO are instances' names (of another
    project: PROJECT/NAME), addresses, or `outside` for the far side of the uplink.

    Usage: madang explain [OPTIONS] <FROM> <TO>

    Arguments:
      <FROM>
              Who sends: an instance, an address, or outside

      <TO>
              To whom: an instance, an address, or outside

    Options:
      -p, --port <PORT>
              The destination port, for tcp and udp

          --proto <PROTOCOL>
              The protocol: tcp with --port, else icmp, if left out

              Possible values:
              - tcp:  Needs --port
              - udp:  Needs --port
              - icmp: An echo request: a ping

          --live
              Send a real probe too, and say whether the kernel agrees

          --exit-code
              End with exit status 1 if the packet is dropped, or the kernel does
              not agree

      -o, --output <FORMAT>
              How to print it

              Possible values:
              - table: For people
              - yaml:  For people and programs
              - json:  For programs
              
              [default: table]

      -h, --help
              Print help (see a summary with '-h')

    Global options:
      -n, --namespace <PROJECT>
              The project: a namespace; `default` if left out

          --root <DIR>
              Keep everything of this Madang below DIR: several can run side by side

      -v, --verbose...
              Say more; twice: still more

          --color <WHEN>
              When to use colours: auto, always or never
              
              [default: auto]

    Examples:
      madang explain web-1 db-1 --port 5432            does it get there, and why
      madang explain outside 203.0.113.10 --port 80    from outside, by a forward
      madang explain db-1 198.51.100.7 --proto icmp    a ping to the outside
      madang explain web-1 db-1 --port 5432 --live     send a real probe too

    Exit status: 0 if it could be explained, also when the packet is dropped;
    see --exit-code.

    Needs root: yes, to speak to the daemon.
    ");
}

#[test]
fn the_help_of_get() {
    insta::assert_snapshot!(help(&["get"]), @"
    List resources

    Kinds can be written in the plural, the singular and short (`instances`,
    `instance`, `i`), several with commas between, or `all`: every kind but those
    that only say who may do what, what happened, and what is secret. A resource can
    be written as `kind/name`, one of another project as `kind/project/name`.

    Usage: madang get [OPTIONS] <KIND>...

    Arguments:
      <KIND>...
              KIND, KIND NAME.., KIND/NAME.. or all

    Options:
      -A, --all-namespaces
              Those of all projects

      -w, --watch
              Go on printing what changes

      -l, --selector <LABELS>
              Only what has these labels: a=b, a!=b, a, !a, with commas between

      -o, --output <FORMAT>
              How to print them

              Possible values:
              - table: One line each
              - wide:  One line each, with more columns
              - yaml:  All of it, as it can be applied again
              - json:  All of it, for programs
              - name:  kind/name
              
              [default: table]

      -h, --help
              Print help (see a summary with '-h')

    Global options:
      -n, --namespace <PROJECT>
              The project: a namespace; `default` if left out

          --root <DIR>
              Keep everything of this Madang below DIR: several can run side by side

      -v, --verbose...
              Say more; twice: still more

          --color <WHEN>
              When to use colours: auto, always or never
              
              [default: auto]

    Examples:
      madang get instances                 every instance
      madang get vpcs,subnets -o wide      two kinds, more columns
      madang get i web-1 -o yaml           one of them, all of it
      madang get instance/web-1 -o json    the same, for programs
      madang get all -l app=web            by label
      madang get instances -w              and go on as they change
      madang get instances -A              those of all projects
      madang get all -n lab                all of the project lab

    Needs root: yes, to speak to the daemon.
    ");
}

#[test]
fn up_and_its_options() {
    let Command::Up(up) = parse("up -f a.yaml -f dir --detach --timeout 2m").unwrap().command else {
        panic!()
    };
    assert_eq!(up.files.files, [PathBuf::from("a.yaml"), PathBuf::from("dir")]);
    assert!(up.detach);
    assert_eq!(up.timeout, Duration::from_secs(120));
    assert_eq!(parse("up").unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn diff_is_plan() {
    assert!(matches!(parse("diff -f a.yaml").unwrap().command, Command::Plan(_)));
}

#[test]
fn down_takes_a_file_or_all() {
    assert!(parse("down -f a.yaml").is_ok());
    assert!(parse("down --all").is_ok());
    assert!(parse("down").is_err());
    assert!(parse("down --all -f a.yaml").is_err());
}

#[test]
fn delete_takes_names_or_files() {
    assert!(parse("delete i web-1 --wait").is_ok());
    assert!(parse("delete -f a.yaml").is_ok());
    assert!(parse("delete").is_err());
    assert!(parse("delete i web-1 -f a.yaml").is_err());
}

#[test]
fn exec_takes_what_follows_two_dashes_as_it_is() {
    let Command::Exec(exec) = parse("exec -it web-1 -- ls -l --color=auto").unwrap().command else {
        panic!()
    };
    assert!(exec.stdin && exec.tty);
    assert_eq!(exec.command, ["ls", "-l", "--color=auto"]);
    assert!(parse("exec web-1").is_err());
    assert!(parse("exec web-1 ls").is_err());
}

#[test]
fn global_options_stand_anywhere() {
    for line in ["--root /tmp/a get vpcs -v", "get --root=/tmp/a vpcs -v", "-v get vpcs --root /tmp/a"] {
        let global = parse(line).unwrap().global;
        assert_eq!((global.root, global.verbose), (Some(PathBuf::from("/tmp/a")), 1), "{line}");
    }
    assert_eq!(parse("get vpcs --color sometimes").unwrap_err().exit_code(), 2);
}

#[test]
fn ports_and_protocols_of_explain() {
    assert!(parse("explain web-1 db-1 --port 5432 --proto tcp --live").is_ok());
    for line in
        ["explain web-1", "explain a b --port 0", "explain a b --port 65536", "explain a b --proto sctp"]
    {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn every_output_is_known() {
    for format in ["table", "wide", "yaml", "json", "name"] {
        assert!(parse(&format!("get vpcs -o {format}")).is_ok(), "{format}");
    }
    assert!(parse("get vpcs -o xml").is_err());
}

#[test]
fn times() {
    for (text, expected) in
        [("90", 90_000), ("90s", 90_000), ("1.5m", 90_000), ("500ms", 500), ("1h", 3_600_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(expected)), "{text}");
    }
    for text in ["", "s", "-1s", "1d", "1e400", "soon"] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn hidden_options_stay_hidden() {
    assert!(!help(&["serve"]).contains("ephemeral"));
}
