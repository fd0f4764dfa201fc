//! From the parser's events to values and marks.

use std::collections::HashMap;

use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::{DEEPEST, Mark, Stop, YamlDocument, plain, problem, too_deep};
use crate::{Diagnostic, SourceFile};

/// What the values and paths of one file may take, in bytes, about: aliases make much of little.
const LARGEST_VALUE: usize = 256 << 20;
/// What a value takes beside its text.
const VALUE_SIZE: usize = 64;

/// A list or map that has begun.
struct Frame {
    path: String,
    anchor: usize,
    /// What had been used when it began.
    used: usize,
    /// How deep the deepest value in it is.
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Fields(Map<String, Value>, Option<(String, Mark)>),
}

/// A value that an alias can repeat.
struct Anchored {
    value: Value,
    size: usize,
    height: usize,
}

pub(super) struct Builder<'a> {
    file: &'a SourceFile,
    pub(super) documents: Vec<YamlDocument>,
    pub(super) problems: Vec<Diagnostic>,
    document: YamlDocument,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    used: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a SourceFile) -> Self {
        Self {
            file,
            documents: Vec::new(),
            problems: Vec::new(),
            document: YamlDocument::default(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            used: 0,
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, mark: Mark) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.document = YamlDocument::default();
                self.anchors.clear();
                self.stack.clear();
                Ok(())
            }
            Event::DocumentEnd => {
                let document = std::mem::take(&mut self.document);
                if !document.value.is_null() {
                    self.documents.push(document);
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), mark)?;
                self.scalar(&text, style, anchor, tag.as_deref(), mark)
            }
            Event::Alias(anchor) => self.alias(anchor, mark),
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), mark)?;
                self.begin(Content::List(Vec::new()), anchor, mark)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), mark)?;
                self.begin(Content::Fields(Map::new(), None), anchor, mark)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(mark)?;
                Ok(())
            }
        }
    }

    fn tag(&self, tag: Option<&Tag>, mark: Mark) -> Result<(), Stop> {
        const KNOWN: [&str; 7] = ["str", "int", "float", "bool", "null", "seq", "map"];
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && KNOWN.contains(&tag.suffix.as_str()) => Ok(()),
            Some(tag) if tag.suffix.is_empty() => Ok(()),
            Some(tag) => {
                let message = format!("the YAML tag {tag} means nothing here");
                Err(Box::new(problem(self.file, "unknownTag", message, mark).hint("leave it out")))
            }
            None => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        mark: Mark,
    ) -> Result<(), Stop> {
        if self.wants_name() {
            return self.name(text, style, mark);
        }
        let is_text = tag.is_some_and(|tag| tag.suffix == "str" || tag.suffix.is_empty());
        let value = match style {
            ScalarStyle::Plain if !is_text => plain(text),
            _ => Value::String(text.to_owned()),
        };
        let path = self.next_path();
        self.spend(VALUE_SIZE + text.len() + path.len(), mark)?;
        self.document.marks.values.insert(path, mark);
        if anchor > 0 {
            self.spend(VALUE_SIZE + text.len(), mark)?;
            let anchored = Anchored { value: value.clone(), size: VALUE_SIZE + text.len(), height: 0 };
            self.anchors.insert(anchor, anchored);
        }
        self.put(value, 0);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<(), Stop> {
        if self.wants_name() {
            return Err(self.no_name(mark));
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            let message = "the alias leads to nothing before it in this document";
            return Err(Box::new(
                problem(self.file, "unknownAlias", message, mark).hint("write the value itself"),
            ));
        };
        let (size, height) = (anchored.size, anchored.height);
        if self.stack.len() + height > DEEPEST {
            return Err(Box::new(too_deep(self.file, mark)));
        }
        let path = self.next_path();
        self.spend(size + path.len(), mark)?;
        self.document.marks.values.insert(path, mark);
        let value = self.anchors[&anchor].value.clone();
        self.put(value, height);
        Ok(())
    }

    fn begin(&mut self, content: Content, anchor: usize, mark: Mark) -> Result<(), Stop> {
        if self.wants_name() {
            return Err(self.no_name(mark));
        }
        if self.stack.len() >= DEEPEST {
            return Err(Box::new(too_deep(self.file, mark)));
        }
        let path = self.next_path();
        let used = self.used;
        self.spend(VALUE_SIZE + path.len(), mark)?;
        let name = match self.stack.last() {
            Some(Frame { content: Content::Fields(_, Some((_, name))), .. }) => *name,
            _ => Mark { length: 0, ..mark },
        };
        self.document.marks.values.insert(path.clone(), name);
        self.stack.push(Frame { path, anchor, used, height: 0, content });
        Ok(())
    }

    fn end(&mut self, mark: Mark) -> Result<(), Stop> {
        let frame = self.stack.pop().expect("the parser ends only what it began");
        let height = frame.height + 1;
        let value = match frame.content {
            Content::List(items) => Value::Array(items),
            Content::Fields(fields, _) => Value::Object(fields),
        };
        if frame.anchor > 0 {
            // What an anchor keeps is a copy.
            let size = self.used - frame.used;
            self.spend(size, mark)?;
            let anchored = Anchored { value: value.clone(), size, height };
            self.anchors.insert(frame.anchor, anchored);
        }
        self.put(value, height);
        Ok(())
    }

    /// Whether the next value is a field's name.
    fn wants_name(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { content: Content::Fields(_, None), .. }))
    }

    fn name(&mut self, text: &str, style: ScalarStyle, mark: Mark) -> Result<(), Stop> {
        if text == "<<" && style == ScalarStyle::Plain {
            let message = "the YAML merge key << is not taken";
            let hint = "write the fields themselves, or repeat a whole value by an alias";
            return Err(Box::new(problem(self.file, "mergeKey", message, mark).hint(hint)));
        }
        let Some(Frame { path, content: Content::Fields(fields, name), .. }) = self.stack.last_mut() else {
            return Ok(());
        };
        let path = join(path, text);
        *name = Some((text.to_owned(), mark));
        if fields.contains_key(text) {
            let message = format!("the field \"{text}\" is written twice");
            let first = self.document.marks.keys.get(&path).map_or(0, |first| first.line);
            let cause = format!("it is already in line {first}, and only one of them can hold");
            self.problems.push(
                problem(self.file, "duplicateField", message, mark).cause(cause).hint("keep one of them"),
            );
        }
        self.spend(VALUE_SIZE + path.len(), mark)?;
        self.document.marks.keys.insert(path, mark);
        Ok(())
    }

    /// The path of the value that comes next.
    fn next_path(&self) -> String {
        match self.stack.last() {
            None => String::new(),
            Some(Frame { path, content: Content::List(items), .. }) => format!("{path}[{}]", items.len()),
            Some(Frame { path, content: Content::Fields(_, name), .. }) => {
                join(path, name.as_ref().map_or("", |(name, _)| name))
            }
        }
    }

    fn put(&mut self, value: Value, height: usize) {
        let Some(frame) = self.stack.last_mut() else {
            self.document.value = value;
            return;
        };
        frame.height = frame.height.max(height);
        match &mut frame.content {
            Content::List(items) => items.push(value),
            Content::Fields(fields, name) => {
                let (name, _) = name.take().expect("a field's name comes before its value");
                fields.insert(name, value);
            }
        }
    }

    fn spend(&mut self, size: usize, mark: Mark) -> Result<(), Stop> {
        self.used = self.used.saturating_add(size);
        if self.used <= LARGEST_VALUE {
            return Ok(());
        }
        let message =
            format!("the file says too much: over {} MiB with its aliases expanded", LARGEST_VALUE >> 20);
        Err(Box::new(problem(self.file, "tooLarge", message, mark).hint("split it into several files")))
    }

    fn no_name(&self, mark: Mark) -> Stop {
        let message = "a field's name must be text, and here is a list, a map or an alias";
        let hint = "write it as name: value; put text that begins with { or [ or * in quotes";
        Box::new(problem(self.file, "invalidYaml", message, mark).hint(hint))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
