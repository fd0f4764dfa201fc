//! One request, one connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::{Client, ClientError};
use crate::{ApiError, Duplex};

/// The longest answer that is read as a whole.
const LONGEST_ANSWER: usize = 1 << 30;

/// An answer whose body is still to come.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// Dropped, it would end the connection.
    sender: SendRequest<Full<Bytes>>,
}

impl Answer {
    pub(super) async fn collect(self, client: &Client) -> Result<Bytes, ClientError> {
        let body = Limited::new(self.response.into_body(), LONGEST_ANSWER);
        Ok(body.collect().await.map_err(|e| client.broken(e))?.to_bytes())
    }

    pub(super) fn into_parts(self) -> (Incoming, SendRequest<Full<Bytes>>) {
        (self.response.into_body(), self.sender)
    }
}

impl Client {
    pub(super) async fn stream(&self) -> Result<UnixStream, ClientError> {
        UnixStream::connect(&self.socket).await.map_err(|e| self.unreachable(e))
    }

    /// The answer, if it is a good one.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        let answer = self.exchange(request, body).await?;
        if answer.response.status().is_success() { Ok(answer) } else { Err(self.refusal(answer).await) }
    }

    /// The connection, if the server lets us have it.
    pub(super) async fn upgrade(&self, path: &str, body: &Value) -> Result<Box<dyn Duplex>, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, crate::frames::PROTOCOL);
        let answer = self.exchange(request, Some(body)).await?;
        if answer.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.refusal(answer).await);
        }
        let upgraded = hyper::upgrade::on(answer.response).await.map_err(|e| self.broken(e))?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(header::HOST, "madang")
    }

    async fn exchange(
        &self,
        request: hyper::http::request::Builder,
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).map_err(|_| {
            ApiError::bad_request(
                "this cannot be part of a resource's path: a name has lower-case letters, digits and dashes",
            )
        })?;
        let stream = self.stream().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| self.broken(e))?;
        // Ends with the answer's body, or when the sender is dropped; its error is also the request's.
        tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await.map_err(|e| self.broken(e))?;
        Ok(Answer { response, sender })
    }

    async fn refusal(&self, answer: Answer) -> ClientError {
        let code = answer.response.status();
        match answer.collect(self).await {
            Ok(body) => match serde_json::from_slice::<ApiError>(&body) {
                Ok(error) if !error.message.is_empty() => error.into(),
                _ => self.strange(&format!("the HTTP status {code}")),
            },
            Err(error) => error,
        }
    }
}
