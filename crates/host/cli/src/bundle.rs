//! What `-f` names: files, directories and standard input, read and checked.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use madang_api::ClientError;
use madang_model::{Diagnostic, Document, ObjectRef, Resource, SOURCE_FILE, SourceFile, locate, parse};
use serde_json::Value;

use crate::error::Failure;

/// Texts, and the resources that they declare.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    documents: Vec<Document>,
    files: Vec<SourceFile>,
    directories: Vec<PathBuf>,
    /// Whether directories in directories were read too.
    recursive: bool,
}

impl Declared {
    /// Reads and parses everything that `-f` names, with `-R` all that is below it. What names no project is of this one,
    /// if one is given, and nothing may be of another.
    pub(crate) fn read(paths: &[PathBuf], recursive: bool, project: Option<&str>) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let mut directories = Vec::new();
        for path in paths {
            if path == Path::new("-") {
                files.push(standard_input()?);
            } else if path.is_dir() {
                files.extend(in_directory(path, recursive)?);
                directories.push(absolute(path)?);
            } else {
                files.push(file(path)?);
            }
        }
        let mut declared = Self { directories, recursive, ..Self::parse(files)? };
        if let Some(project) = project {
            declared.put_into(project)?;
        }
        Ok(declared)
    }

    fn put_into(&mut self, project: &str) -> Result<(), Failure> {
        for document in &mut self.documents {
            let object = document.resource.object_ref();
            if !object.kind.is_namespaced() {
                continue;
            }
            let says_so = document.source.iter().any(|(path, _)| path == "metadata.namespace");
            if says_so && object.namespace != project {
                let other = &object.namespace;
                return Err(Failure::usage(
                    format!("{object} says that it is of the project {other}, and -n says {project}"),
                    "leave out one of them",
                ));
            }
            document.resource.metadata_mut().namespace = Some(project.to_owned());
        }
        Ok(())
    }

    fn parse(files: Vec<SourceFile>) -> Result<Self, Failure> {
        let mut documents = match parse(&files) {
            Ok(documents) => documents,
            Err(diagnostics) => return Err(Failure::Invalid { diagnostics, files }),
        };
        if documents.is_empty() {
            let what = files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::Empty { what });
        }
        for document in &mut documents {
            let file = document.source.span("").map_or("-", |span| &span.file);
            let file =
                if file == "-" { file.to_owned() } else { absolute(Path::new(file))?.display().to_string() };
            document.annotate(&file);
        }
        Ok(Self { documents, files, directories: Vec::new(), recursive: false })
    }

    /// The resources, in the order in which they were written.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        self.documents.iter().map(|document| document.resource.clone()).collect()
    }

    /// Which resources they are.
    pub(crate) fn objects(&self) -> Vec<ObjectRef> {
        self.documents.iter().map(|document| document.resource.object_ref()).collect()
    }

    /// The resources as they are sent: what is true is not for a file to say.
    pub(crate) fn items(&self) -> Vec<Value> {
        let item = |resource: Resource| {
            let mut item = resource.to_json();
            if let Some(item) = item.as_object_mut() {
                item.remove("status");
            }
            item
        };
        self.resources().into_iter().map(item).collect()
    }

    /// The files from which what they no longer have is pruned: these, and those that are gone from a directory.
    pub(crate) fn prunable(&self, existing: &[Resource]) -> Result<Vec<String>, Failure> {
        let mut files = BTreeSet::new();
        for file in self.files.iter().filter(|file| file.name != "-") {
            files.insert(absolute(Path::new(&file.name))?.display().to_string());
        }
        let sources = existing.iter().filter_map(|resource| resource.metadata().annotations.get(SOURCE_FILE));
        let below = |file: &&String| {
            let file = Path::new(file.as_str());
            self.directories.iter().any(|directory| match self.recursive {
                true => file.starts_with(directory) && !in_hidden(file, directory),
                false => file.parent() == Some(directory),
            })
        };
        files.extend(sources.filter(below).cloned());
        Ok(files.into_iter().collect())
    }

    /// Mistakes, each with its place in the text.
    pub(crate) fn invalid(&self, mut diagnostics: Vec<Diagnostic>) -> Failure {
        locate(&mut diagnostics, &self.documents);
        Failure::Invalid { diagnostics, files: self.files.clone() }
    }

    /// The daemon's refusal, drawn in the text where it is about that.
    pub(crate) fn refused(&self, doing: &str, error: ClientError) -> Failure {
        match error {
            ClientError::Api(error) if !error.diagnostics.is_empty() => self.invalid(error.diagnostics),
            other => Failure::api(doing, other),
        }
    }
}

/// All of standard input.
pub(crate) fn standard_input() -> Result<SourceFile, Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|source| Failure::Read { path: "standard input".into(), source })?;
    Ok(SourceFile { name: "-".to_owned(), text })
}

fn file(path: &Path) -> Result<SourceFile, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    Ok(SourceFile { name: path.display().to_string(), text })
}

/// The files of YAML and JSON in it, by name.
fn in_directory(directory: &Path, recursive: bool) -> Result<Vec<SourceFile>, Failure> {
    let mut paths = Vec::new();
    gather(directory, recursive, &mut paths)?;
    if paths.is_empty() {
        let below = if recursive { " or below" } else { "" };
        return Err(Failure::Empty {
            what: format!(
                "{} has no file in it{below} that ends in .yaml, .yml or .json, and",
                directory.display()
            ),
        });
    }
    paths.sort();
    paths.iter().map(|path| file(path)).collect()
}

/// Hidden directories are other programs' own; what a symbolic link leads to is elsewhere, and may lead back.
fn gather(directory: &Path, recursive: bool, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let fail = |source| Failure::Read { path: directory.to_owned(), source };
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(fail)?);
        let declares =
            path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        if kind.is_dir() {
            if recursive && !is_hidden(&path) {
                gather(&path, recursive, paths)?;
            }
        } else if declares && path.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

/// How files end that declare resources.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether there is a hidden directory between the two.
fn in_hidden(file: &Path, directory: &Path) -> bool {
    file.ancestors().skip(1).take_while(|around| *around != directory).any(is_hidden)
}

/// Without symbolic links, so that a file has one name.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|source| Failure::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VPC: &str = "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: { name: NAME }\nspec: { cidrs: [10.0.0.0/16] }\n";

    #[test]
    fn a_directory_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            std::fs::write(dir.path().join(format!("{name}.yaml")), VPC.replace("NAME", name)).unwrap();
        }
        std::fs::write(dir.path().join("README.md"), "no YAML: [").unwrap();
        let declared = Declared::read(&[dir.path().to_owned()], false, None).unwrap();
        let names: Vec<_> = declared.objects().into_iter().map(|object| object.name).collect();
        assert_eq!(names, ["a", "b"]);
        for (item, name) in declared.items().iter().zip(["a", "b"]) {
            let file = item["metadata"]["annotations"][SOURCE_FILE].as_str().unwrap();
            assert_eq!(
                file,
                dir.path().canonicalize().unwrap().join(format!("{name}.yaml")).to_str().unwrap()
            );
            assert!(item.get("status").is_none());
        }
    }

    #[test]
    fn what_a_directory_no_longer_has_is_pruned() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::write(dir.path().join(format!("{name}.yaml")), VPC.replace("NAME", name)).unwrap();
        }
        let before = Declared::read(&[dir.path().to_owned()], false, None).unwrap().resources();
        std::fs::remove_file(dir.path().join("b.yaml")).unwrap();
        let after = Declared::read(&[dir.path().to_owned()], false, None).unwrap();
        let prunable = after.prunable(&before).unwrap();
        assert!(prunable.iter().any(|file| file.ends_with("/b.yaml")), "{prunable:?}");
        let one = Declared::read(&[dir.path().join("a.yaml")], false, None).unwrap();
        assert!(one.prunable(&before).unwrap().iter().all(|file| file.ends_with("/a.yaml")));
    }

    #[test]
    fn all_that_is_below_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let json = r#"{ "apiVersion": "madang.dev/v1alpha1", "kind": "Vpc", "metadata": { "name": "d" }, "spec": { "cidrs": ["10.0.0.0/16"] } }"#;
        for folder in ["b/c", ".hidden"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (name, text) in [
            ("z.yaml", VPC.replace("NAME", "z")),
            ("b/a.yml", VPC.replace("NAME", "a")),
            ("b/c/d.json", json.to_owned()),
            (".hidden/x.yaml", "no resource".to_owned()),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("b/back")).unwrap();
        let names = |declared: &Declared| {
            declared.objects().into_iter().map(|object| object.name).collect::<Vec<_>>()
        };
        let all = Declared::read(&[dir.path().to_owned()], true, None).unwrap();
        assert_eq!(names(&all), ["a", "d", "z"]);
        assert_eq!(names(&Declared::read(&[dir.path().to_owned()], false, None).unwrap()), ["z"]);
        // A file that is gone is pruned by whoever would have read it.
        let before = all.resources();
        std::fs::remove_file(dir.path().join("b/c/d.json")).unwrap();
        let prunable = |recursive| {
            let declared = Declared::read(&[dir.path().to_owned()], recursive, None).unwrap();
            declared.prunable(&before).unwrap().iter().any(|file| file.ends_with("/b/c/d.json"))
        };
        assert_eq!((prunable(true), prunable(false)), (true, false));
    }

    #[test]
    fn every_mistake_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.yaml");
        std::fs::write(&path, VPC.replace("NAME", "A B").replace("cidrs", "cidr") + "---\nkind: Pod\n")
            .unwrap();
        match Declared::read(&[path], false, None) {
            Err(Failure::Invalid { diagnostics, .. }) => assert!(diagnostics.len() >= 2, "{diagnostics:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_project_for_what_names_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yaml");
        let lab = "apiVersion: v1\nkind: Namespace\nmetadata: { name: lab }\n";
        std::fs::write(&path, format!("{lab}---\n{}", VPC.replace("NAME", "a"))).unwrap();
        let read = |project| Declared::read(std::slice::from_ref(&path), false, project);
        let objects = read(Some("lab")).unwrap().objects();
        assert_eq!(objects.iter().map(|o| o.namespace.as_str()).collect::<Vec<_>>(), ["", "lab"]);
        assert_eq!(read(None).unwrap().objects()[1].namespace, "default");
        std::fs::write(&path, VPC.replace("NAME", "a, namespace: other")).unwrap();
        assert_eq!(read(Some("other")).unwrap().objects()[0].namespace, "other");
        let refused = read(Some("lab")).unwrap_err();
        assert_eq!(
            (refused.code(), refused.to_string().as_str()),
            (2, "Vpc/other/a says that it is of the project other, and -n says lab")
        );
    }

    #[test]
    fn nothing_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Declared::read(&[dir.path().to_owned()], false, None), Err(Failure::Empty { .. })));
        std::fs::write(dir.path().join("a.yaml"), "# nothing\n").unwrap();
        assert!(matches!(Declared::read(&[dir.path().to_owned()], false, None), Err(Failure::Empty { .. })));
        assert!(matches!(
            Declared::read(&[dir.path().join("none.yaml")], false, None),
            Err(Failure::Read { .. })
        ));
    }
}
