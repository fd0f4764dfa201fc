//! In which form an answer is wanted (RFC 9110, section 12.5.1; Kubernetes' parameters of `application/json`).

use hyper::HeaderMap;
use hyper::header::ACCEPT;

use crate::{ApiError, Reason};

/// The forms of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    #[default]
    Plain,
    /// Rows and columns.
    Table,
    /// Metadata alone.
    PartialMetadata,
    /// Discovery of all groups at once.
    Aggregated,
}

impl Form {
    /// The first form of the header that there is. Quality values are not looked at: clients of Kubernetes write what
    /// they like best first.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut asked = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
        if asked.peek().is_none() {
            return Ok(Self::Plain);
        }
        let ranges = asked.flat_map(|value| value.split(','));
        let mut none = true;
        for range in ranges {
            none = false;
            if let Some(form) = form(range) {
                return Ok(form);
            }
        }
        if none {
            return Ok(Self::Plain);
        }
        Err(ApiError::new(Reason::NotAcceptable, "answers are JSON: accept application/json"))
    }

    /// The content type of an answer of this form.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Aggregated => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            _ => "application/json",
        }
    }
}

fn form(range: &str) -> Option<Form> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?;
    if !matches!(kind, "application/json" | "application/*" | "*/*" | "") {
        return None;
    }
    let parameter = |name: &str| parts.clone().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    match (parameter("as"), parameter("g"), parameter("v")) {
        (None, ..) => Some(Form::Plain),
        (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Table),
        (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("meta.k8s.io"), Some("v1")) => {
            Some(Form::PartialMetadata)
        }
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(Form::Aggregated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_there_is() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Form::of(&headers).ok()
        };
        let tables = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(of(tables), Some(Form::Table));
        assert_eq!(of("application/json;as=Table;v=v9;g=meta.k8s.io,application/json"), Some(Form::Plain));
        assert_eq!(of("application/vnd.kubernetes.protobuf,application/json"), Some(Form::Plain));
        assert_eq!(of("*/*"), Some(Form::Plain));
        assert_eq!(of("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(Form::of(&HeaderMap::new()).ok(), Some(Form::Plain));
    }
}
