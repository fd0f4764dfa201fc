//! The parameters of a URL, as Kubernetes has them. Those that mean nothing here are taken and ignored.

use madang_model::{FieldSelector, Kind, Selector};

use crate::{ApiError, LogOptions};

/// The parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Go on with what changes.
    pub(super) watch: bool,
    /// From when, or as of when.
    pub(super) resource_version: Option<u64>,
    /// How many at most; 0: all.
    pub(super) limit: usize,
    /// Where a list goes on.
    pub(super) continue_: Option<String>,
    /// Which labels.
    pub(super) labels: Option<String>,
    /// Which fields.
    pub(super) fields: Option<String>,
    /// Whether a watch tells now and then how far it is.
    pub(super) bookmarks: bool,
    /// Whether a watch begins with all that there is, and says where that ends.
    pub(super) initial_events: Option<bool>,
    /// How long a watch lasts, in seconds.
    pub(super) timeout: Option<u64>,
    /// Whether nothing is to be stored.
    pub(super) dry_run: bool,
    /// Who writes.
    pub(super) manager: Option<String>,
    /// What becomes of unknown fields.
    pub(super) validation: Validation,
    /// Whether an apply takes what others own.
    pub(super) force: bool,
    /// How a delete goes on to what belongs to the resource.
    pub(super) propagation: Option<String>,
    /// How much of each resource a table has.
    pub(super) include_object: IncludeObject,
    /// Of a log.
    pub(super) log: LogOptions,
}

/// What becomes of fields that nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Validation {
    /// They are refused.
    #[default]
    Strict,
    /// They are left out, and the answer warns.
    Warn,
    /// They are left out.
    Ignore,
}

/// What of a resource is in a table's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl Query {
    /// The parameters.
    pub(super) fn of(query: Option<&str>) -> Result<Self, ApiError> {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            found.take(&name, &value)?;
        }
        Ok(found)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "watch" => self.watch = flag(name, value)?,
            "follow" => self.log.follow = flag(name, value)?,
            "tail" | "tailLines" => self.log.tail = Some(number(name, value)?),
            "resourceVersion" if value.is_empty() => {}
            "resourceVersion" => self.resource_version = Some(number(name, value)?),
            "limit" if value.is_empty() => {}
            "limit" => self.limit = number(name, value)?,
            "continue" => self.continue_ = text(),
            "labelSelector" => self.labels = text(),
            "fieldSelector" => self.fields = text(),
            "allowWatchBookmarks" => self.bookmarks = flag(name, value)?,
            "sendInitialEvents" => self.initial_events = Some(flag(name, value)?),
            "timeoutSeconds" if value.is_empty() => {}
            "timeoutSeconds" => self.timeout = Some(number(name, value)?),
            "dryRun" => self.dry_run = dry_run(value)?,
            "fieldManager" => self.manager = text(),
            "fieldValidation" => self.validation = validation(value)?,
            "force" => self.force = flag(name, value)?,
            "propagationPolicy" => self.propagation = text(),
            "orphanDependents" if flag(name, value)? => self.propagation = Some("Orphan".to_owned()),
            "includeObject" => self.include_object = include_object(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Whether a resource of this kind is meant.
    pub(super) fn chosen(&self, kind: Kind) -> Result<Chosen, ApiError> {
        let labels = self.labels.as_deref().unwrap_or_default().parse::<Selector>();
        let fields = FieldSelector::parse(self.fields.as_deref().unwrap_or_default(), kind);
        Ok(Chosen {
            labels: labels.map_err(ApiError::bad_request)?,
            fields: fields.map_err(ApiError::bad_request)?,
        })
    }
}

/// Which resources are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    labels: Selector,
    fields: FieldSelector,
}

impl Chosen {
    /// Whether this one is.
    pub(super) fn includes(&self, resource: &madang_model::Resource) -> bool {
        self.labels.matches(&resource.metadata().labels) && self.fields.matches(resource)
    }
}

fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::bad_request(format!("the parameter {name} is {value:?}: write true or false"))),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::bad_request(format!("the parameter {name} is {value:?}: write a number")))
}

fn dry_run(value: &str) -> Result<bool, ApiError> {
    match value {
        "" => Ok(false),
        "All" => Ok(true),
        _ => Err(ApiError::bad_request(format!("the parameter dryRun is {value:?}: write All"))),
    }
}

fn validation(value: &str) -> Result<Validation, ApiError> {
    match value {
        "" | "Strict" => Ok(Validation::Strict),
        "Warn" => Ok(Validation::Warn),
        "Ignore" => Ok(Validation::Ignore),
        _ => Err(ApiError::bad_request(format!(
            "the parameter fieldValidation is {value:?}: write Strict, Warn or Ignore"
        ))),
    }
}

fn include_object(value: &str) -> Result<IncludeObject, ApiError> {
    match value {
        "" | "Metadata" => Ok(IncludeObject::Metadata),
        "None" => Ok(IncludeObject::None),
        "Object" => Ok(IncludeObject::Object),
        _ => Err(ApiError::bad_request(format!(
            "the parameter includeObject is {value:?}: write None, Metadata or Object"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query =
            Query::of(Some("labelSelector=app%3Dweb%2Ctier+in+%28a%29&limit=5&watch&unknown=x")).unwrap();
        assert_eq!(query.labels.as_deref(), Some("app=web,tier in (a)"));
        assert_eq!((query.limit, query.watch), (5, true));
        for wrong in ["limit=x", "watch=perhaps", "dryRun=Some", "fieldValidation=No", "resourceVersion=-1"] {
            assert!(Query::of(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
