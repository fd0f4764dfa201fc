//! A store with a small shop in it, on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use madang_api::{Bundle, Registry};
use madang_model::{Kind, Resource};
use madang_store::{Embedded, Revision, Store, StoreError, Txn, inspect};
use serde_json::Value;
use tempfile::TempDir;

use super::check::Checked;
use super::run;
use crate::args::{
    ColorChoice, Global, ReportFormat, StoreArgs, StoreCheckArgs, StoreCommand, StoreExportArgs,
    StoreRestoreArgs,
};
use crate::context::{Context, explain_failure};
use crate::error::Failure;
use crate::output::style::Style;
use crate::samples;

/// A root of its own.
struct Root {
    dir: TempDir,
    context: Context,
}

impl Root {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let global = Global {
            root: Some(dir.path().to_owned()),
            namespace: None,
            verbose: 0,
            color: ColorChoice::Never,
        };
        let context = Context::new(&global).unwrap();
        Self { dir, context }
    }

    fn with_shop() -> Self {
        let root = Self::empty();
        let registry = Registry::new(Arc::new(root.open().unwrap()));
        let mut shop = samples::shop();
        shop.retain(|resource| resource.kind() != Kind::Node);
        let items = shop.iter().map(Resource::to_json).collect();
        registry.apply(Bundle { items, ..Bundle::default() }).unwrap();
        root
    }

    fn state(&self) -> PathBuf {
        self.context.layout.state_dir()
    }

    fn open(&self) -> Result<Embedded, StoreError> {
        Embedded::open(&self.state())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn export(&self, name: &str) -> Result<(), Failure> {
        let args = StoreExportArgs { file: self.file(name) };
        run(&self.context, &StoreArgs { command: StoreCommand::Export(args) })
    }

    fn restore(&self, file: PathBuf, replace: bool) -> Result<(), Failure> {
        let args = StoreRestoreArgs { file: Some(file), replace, last_good: false };
        run(&self.context, &StoreArgs { command: StoreCommand::Restore(args) })
    }

    fn last_good(&self) -> Result<(), Failure> {
        let args = StoreRestoreArgs { file: None, replace: false, last_good: true };
        run(&self.context, &StoreArgs { command: StoreCommand::Restore(args) })
    }

    fn check(&self) -> Result<(), Failure> {
        let args = StoreCheckArgs { output: ReportFormat::Json };
        run(&self.context, &StoreArgs { command: StoreCommand::Check(args) })
    }

    fn checked(&self) -> Checked {
        Checked::of(inspect(&self.state()).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What is said, with the root's own name left out.
    fn said(&self, failure: &Failure) -> String {
        let root = self.dir.path().canonicalize().unwrap();
        explain_failure(failure, Style::PLAIN, 80).replace(&root.display().to_string(), "ROOT")
    }
}

fn objects(store: &dyn Store) -> Vec<(String, Vec<u8>, Revision)> {
    let items = store.range("", usize::MAX, None).unwrap().items;
    items.into_iter().map(|item| (item.key, item.value.to_vec(), item.revision)).collect()
}

#[test]
fn an_export_is_restored_elsewhere() {
    let (shop, other) = (Root::with_shop(), Root::empty());
    shop.export("shop.jsonl").unwrap();
    let file = shop.file("shop.jsonl");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("{\"madang\":\"store export\",\"version\":1,\"revision\":1,"), "{text}");
    assert!(
        text.contains("\n{\"key\":\"/registry/vpcs/default/shop\",\"revision\":1,\"value\":{\"schema\":1,"),
        "{text}"
    );
    let before = objects(&shop.open().unwrap());
    other.restore(file, false).unwrap();
    let store = other.open().unwrap();
    assert_eq!(objects(&store), before, "with the revisions that wrote them");
    assert!(*store.changed().borrow() > Revision(1_000_000), "far ahead of all that ever were");
    let all = Registry::new(Arc::new(store)).all().unwrap();
    assert_eq!(all.items.len(), samples::shop().iter().filter(|r| r.kind() != Kind::Node).count());
}

#[test]
fn a_daemon_that_has_it_open_is_in_nobodys_way() {
    let shop = Root::with_shop();
    let store = shop.open().unwrap();
    for n in 0..200 {
        store.commit(Txn::new().put("/guard/drafts", vec![n])).unwrap();
    }
    shop.export("shop.jsonl").unwrap();
    let text = fs::read_to_string(shop.file("shop.jsonl")).unwrap();
    assert!(text.lines().next().unwrap().contains("\"revision\":201,"), "all that was acknowledged is in it");
    let checked = shop.checked().value();
    assert_eq!((&checked["inUse"], &checked["revision"]), (&Value::Bool(true), &Value::from(201)));
    assert_eq!(checked["problems"], Value::Array(Vec::new()));
    let failure = shop.restore(shop.file("shop.jsonl"), true).unwrap_err();
    let said = shop.said(&failure);
    assert!(said.contains("ROOT/state/store.redb is in use by another process"), "{said}");
    assert!(said.contains("hint: end the daemon first"), "{said}");
}

#[test]
fn a_store_that_is_not_empty_is_only_replaced_if_that_is_wanted() {
    let shop = Root::with_shop();
    shop.export("shop.jsonl").unwrap();
    let store = shop.open().unwrap();
    store.commit(Txn::new().delete("/registry/vpcs/default/shop")).unwrap();
    let after = objects(&store);
    drop(store);
    let failure = shop.restore(shop.file("shop.jsonl"), false).unwrap_err();
    assert!(shop.said(&failure).contains("nothing was changed"), "{}", shop.said(&failure));
    assert_eq!(objects(&shop.open().unwrap()), after);
    shop.restore(shop.file("shop.jsonl"), true).unwrap();
    let store = shop.open().unwrap();
    assert!(store.get("/registry/vpcs/default/shop").unwrap().is_some());
    assert!(store.events(Revision(2), 9).is_err(), "who watches has to list again");
    drop(store);
    assert!(shop.names().iter().any(|name| name.starts_with("store.redb.replaced-")), "{:?}", shop.names());
    shop.check().unwrap();
}

#[test]
fn what_is_no_whole_export_is_refused() {
    let (shop, other) = (Root::with_shop(), Root::empty());
    shop.export("shop.jsonl").unwrap();
    let text = fs::read_to_string(shop.file("shop.jsonl")).unwrap();
    let refused = |text: &str| {
        fs::write(other.file("it.jsonl"), text).unwrap();
        let failure = other.restore(other.file("it.jsonl"), false).unwrap_err();
        assert!(!other.state().exists(), "nothing was made");
        other.said(&failure)
    };
    let cut = refused(&text[..text.len() - 20]);
    assert!(cut.contains("cannot read ROOT/it.jsonl\n  because: the export is cut off after line "), "{cut}");
    let changed = refused(&text.replace("10.0.0.0/16", "10.0.0.0/17"));
    assert!(changed.contains("the export is damaged (line "), "{changed}");
    assert!(refused("apiVersion: v1\n").contains("this is no export of a store of Madang"));
    // Made by a build that knows more than this one: whole, but of no use here.
    let newer = Root::empty();
    let put = |key: &str, value: &str| Txn::new().put(key, value.as_bytes());
    let value = "{\"schema\":1,\"resource\":{\"apiVersion\":\"madang.dev/v9\",\"kind\":\"Moon\"}}";
    newer.open().unwrap().commit(put("/registry/moons/default/a", value)).unwrap();
    newer.export("newer.jsonl").unwrap();
    let said = refused(&fs::read_to_string(newer.file("newer.jsonl")).unwrap());
    assert!(said.contains("/registry/moons/default/a"), "{said}");
    assert!(said.contains("hint: restore it with the version of Madang that made it"), "{said}");
}

#[test]
fn a_check_counts_and_finds_what_is_wrong() {
    let shop = Root::with_shop();
    let checked = shop.checked();
    let value = checked.value();
    assert_eq!(value["objects"]["vpcs"], 1);
    assert_eq!(value["objects"]["instances"], 2);
    assert_eq!(value["otherObjects"], 1);
    assert_eq!(value["events"]["after"], 0);
    assert_eq!(value["problems"], Value::Array(Vec::new()));
    let text = checked.text(Style::PLAIN, 100);
    assert!(text.contains("2 instances") && text.ends_with("Everything is whole.\n"), "{text}");
    assert!(text.contains("snapshot-00000000000000000000"), "{text}");

    // Something that is no resource, beside what is.
    let store = shop.open().unwrap();
    store.commit(Txn::new().put("/registry/vpcs/default/broken", b"{}".as_slice())).unwrap();
    drop(store);
    let text = shop.checked().text(Style::PLAIN, 100);
    assert!(text.contains("/registry/vpcs/default/broken") && text.ends_with("1 problem found.\n"), "{text}");
    assert!(matches!(shop.check(), Err(Failure::Exit(1))));

    // A damaged index.
    let index = shop.state().join("store.redb");
    let mut bytes = fs::read(&index).unwrap();
    bytes[5000..9000].fill(7);
    fs::write(&index, &bytes).unwrap();
    let value = shop.checked().value();
    assert!(value["problems"][0].as_str().unwrap().contains("store.redb is damaged"), "{value:#}");
    assert_eq!(value["objects"]["vpcs"], 1, "the journal makes up for it");
    assert!(fs::read(&index).unwrap() == bytes, "a check changes nothing");
}

#[test]
fn a_store_that_is_too_damaged_goes_on_from_what_is_known() {
    let shop = Root::with_shop();
    let store = shop.open().unwrap();
    for n in 0..9 {
        store.commit(Txn::new().put("/guard/drafts", vec![n])).unwrap();
    }
    drop(store);
    shop.last_good().unwrap();
    assert!(!shop.names().iter().any(|name| name.contains("replaced")), "what is whole is left alone");
    fs::write(shop.state().join("store.redb"), vec![7; 9000]).unwrap();
    let journal = shop.names().into_iter().filter(|name| name.starts_with("journal-")).max().unwrap();
    let journal = shop.state().join(journal);
    let mut bytes = fs::read(&journal).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let error = shop.open().unwrap_err().to_string();
    assert!(error.contains("`madang store restore --last-good` goes on from revision 9,"), "{error}");
    shop.last_good().unwrap();
    let store = shop.open().unwrap();
    assert_eq!(&*store.get("/guard/drafts").unwrap().unwrap().value, [7]);
    shop.check().unwrap();
}

#[test]
fn without_a_store_there_is_nothing_to_do() {
    let root = Root::empty();
    let said = root.said(&root.export("it.jsonl").unwrap_err());
    assert_eq!(
        said,
        "error: there is no store in ROOT/state\nhint: a daemon makes one when it starts: sudo madang up -f FILE, or sudo madang serve\n"
    );
    assert!(matches!(root.check(), Err(Failure::NoStore { .. })));
    assert!(matches!(root.last_good(), Err(Failure::NoStore { .. })));
    assert!(!root.state().exists());
}
