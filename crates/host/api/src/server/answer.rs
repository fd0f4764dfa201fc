//! Answers: resources and errors as JSON.

use bytes::Bytes;
use hyper::{Response, StatusCode, header};
use madang_model::Diagnostic;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::body::AnswerBody;
use crate::{ApiError, Deletion, Reason};

/// An answer in JSON.
pub(super) fn json(code: StatusCode, body: &impl Serialize) -> Response<AnswerBody> {
    let body = serde_json::to_vec(body).expect("what is answered has a JSON text");
    with_body(code, "application/json", AnswerBody::Whole(Some(body.into())))
}

/// The same, as this form of JSON.
pub(super) fn json_as(
    code: StatusCode,
    content_type: &'static str,
    body: &impl Serialize,
) -> Response<AnswerBody> {
    let mut response = json(code, body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

/// An answer whose JSON is there already.
pub(super) fn bytes(code: StatusCode, body: Bytes) -> Response<AnswerBody> {
    with_body(code, "application/json", AnswerBody::Whole(Some(body)))
}

/// Adds what the client should know although it got what it wanted (RFC 7234, section 5.5).
pub(super) fn warn(response: &mut Response<AnswerBody>, diagnostics: &[Diagnostic]) {
    const MOST: usize = 20;
    for diagnostic in diagnostics.iter().take(MOST) {
        let text: String =
            diagnostic.to_string().chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = header::HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// A word for people and probes.
pub(super) fn text(text: &'static str) -> Response<AnswerBody> {
    with_body(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        AnswerBody::Whole(Some(Bytes::from_static(text.as_bytes()))),
    )
}

/// An answer that comes in pieces.
pub(super) fn pieces(content_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    with_body(StatusCode::OK, content_type, body)
}

/// Why it was not done.
pub(super) fn error(error: &ApiError) -> Response<AnswerBody> {
    let code = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(code, error);
    if error.is(Reason::RequestEntityTooLarge) || error.is(Reason::Timeout) {
        // The rest of the body is still under way: nothing more can be read from this connection.
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    response
}

/// What a delete did: the resource while it goes, else a `Status` of success.
pub(super) fn deletion(object: &madang_model::ObjectRef, deletion: &Deletion) -> Response<AnswerBody> {
    match deletion {
        Deletion::Pending(resource) => json(StatusCode::OK, &resource.to_json()),
        Deletion::Gone { uid } => {
            let details = json!({
                "name": object.name, "group": object.kind.group().name(), "kind": object.kind.plural(), "uid": uid,
            });
            json(StatusCode::OK, &success(&details))
        }
    }
}

/// A `Status` of success.
pub(super) fn success(details: &Value) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}

fn with_body(code: StatusCode, content_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

/// Says to a connection beyond the limit that it is one too many, whatever it wants.
pub(super) async fn too_many(mut stream: UnixStream) {
    let message = "too many connections are open: try again when some have ended";
    let body = serde_json::to_string(&ApiError::new(Reason::ServiceUnavailable, message)).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // It fits the socket's buffer; who does not even take that is not worth an error.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
