//! Where a resource was written: carried along in two annotations, so that whoever holds the resource can say which line
//! of which file is the reason for something.

use std::collections::BTreeMap;

use crate::{Resource, SOURCE_FILE, SOURCE_LINES};

/// The parts of a resource whose lines are noted, beside that of the document itself.
pub(crate) const LINES_OF: [&str; 2] = ["metadata.name", "spec"];

/// The file and line of a field, or of the nearest part around it that is known: what
/// [`Document::annotate`](crate::Document::annotate) wrote.
pub fn origin(resource: &Resource, path: &str) -> Option<(String, usize)> {
    let annotations = &resource.metadata().annotations;
    let file = annotations.get(SOURCE_FILE)?;
    let lines: BTreeMap<String, usize> = serde_json::from_str(annotations.get(SOURCE_LINES)?).ok()?;
    Some((file.clone(), nearest_line(&lines, path)?))
}

/// The annotations for these lines. A line that is the same as that of the part around it is left out.
pub(crate) fn annotations(file: &str, lines: BTreeMap<String, usize>) -> [(String, String); 2] {
    let mut kept = BTreeMap::new();
    // In the map's order a part comes before what is in it.
    for (path, line) in lines {
        let around = parent(&path).and_then(|around| nearest_line(&kept, around));
        if around != Some(line) {
            kept.insert(path, line);
        }
    }
    let lines = serde_json::to_string(&kept).expect("a map of texts to numbers is JSON");
    [(SOURCE_FILE.to_owned(), file.to_owned()), (SOURCE_LINES.to_owned(), lines)]
}

fn nearest_line(lines: &BTreeMap<String, usize>, path: &str) -> Option<usize> {
    let mut path = path;
    loop {
        if let Some(line) = lines.get(path) {
            return Some(*line);
        }
        path = parent(path)?;
    }
}

/// The path of the part around: `spec.a[0]` is in `spec.a`, that in `spec`, that in the document.
pub(crate) fn parent(path: &str) -> Option<&str> {
    if path.is_empty() { None } else { Some(&path[..path.rfind(['.', '[']).unwrap_or(0)]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceFile, parse};

    #[test]
    fn parents() {
        assert_eq!(parent("spec.a[0].b"), Some("spec.a[0]"));
        assert_eq!(parent("spec.a[0]"), Some("spec.a"));
        assert_eq!(parent("spec"), Some(""));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn what_is_noted_is_read_back() {
        let text = "apiVersion: madang.dev/v1alpha1\nkind: SecurityGroup\nmetadata: { name: web }\nspec:\n  vpc: shop\n  ingress:\n  - protocol: tcp\n    ports: [80]\n    from:\n    - web\n    - 0.0.0.0/0\n";
        let mut document =
            parse(&[SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() }]).unwrap().remove(0);
        document.annotate("/srv/a.yaml");
        let resource = &document.resource;
        let at = |path: &str| origin(resource, path).unwrap();
        assert_eq!(at(""), ("/srv/a.yaml".to_owned(), 1));
        assert_eq!(at("metadata.name").1, 3);
        assert_eq!(at("spec.ingress[0].from[1]").1, 11);
        assert_eq!(at("spec.ingress[0].ports[0]").1, 8);
        assert_eq!(at("spec.ingress[0].ports[9].deeper").1, 8);
        assert_eq!(at("spec.egress").1, 4);
        let lines = &resource.metadata().annotations[SOURCE_LINES];
        assert!(!lines.contains("ports[0]"), "the same line as spec.ingress[0].ports: {lines}");
        let mut bare = resource.clone();
        bare.metadata_mut().annotations.clear();
        assert_eq!(origin(&bare, ""), None);
    }
}
