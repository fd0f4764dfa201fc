//! The metadata service: HTTP in the services' namespace.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use madang_kernel::boot;
use madang_metadata::{Identities, Request, Response, respond};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use crate::channel::Daemon;
use crate::limits::{Limits, Most};
use crate::serve::{self, asker, briefings, unless_ended};
use crate::{Error, Result};

/// How long a request's head may take to come, and how long a connection lives.
const HEAD: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(60);
/// The largest head of a request, in bytes.
const LARGEST: usize = 16 << 10;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const FORWARDED: &str = "x-forwarded-for";

const MOST: Most = Most { rate: 200, questions: (0, 0), streams: (8, 256) };

/// Serves until it is asked to end.
pub(crate) fn run(daemon: Daemon, sockets: Vec<OwnedFd>) -> Result<()> {
    let [streams] =
        <[OwnedFd; 1]>::try_from(sockets).map_err(|_| Error::Channel("one socket was expected"))?;
    serve::run(async |end| {
        let streams = TcpListener::from_std(streams.into()).map_err(Error::step("take a socket"))?;
        let service = Rc::new(Service { identities: RefCell::default(), limits: Limits::new(MOST) });
        let first = briefings(daemon, {
            let service = Rc::clone(&service);
            move |identities| *service.identities.borrow_mut() = identities
        });
        let Some(first) = unless_ended(end, first).await else { return Ok(()) };
        first?;
        while let Some(accepted) = unless_ended(end, streams.accept()).await {
            match accepted {
                Ok((stream, peer)) => drop(spawn_local(Rc::clone(&service).converse(stream, peer))),
                // Out of descriptors, say: some will be free soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        Ok(())
    })
}

struct Service {
    identities: RefCell<Identities>,
    limits: Limits,
}

impl Service {
    async fn converse(self: Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Some(asker) = asker(peer) else { return };
        let Some(_place) = self.limits.stream(asker) else { return };
        let answer = service_fn(|request| {
            let reply = self.answer(asker, &request);
            async move { Ok::<_, Infallible>(reply) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(LARGEST)
            .serve_connection(TokioIo::new(stream), answer);
        // Who breaks off, or sends nonsense, is of no concern.
        let _ = tokio::time::timeout(LIFE, connection).await;
    }

    fn answer<B>(&self, asker: u32, request: &hyper::Request<B>) -> hyper::Response<Full<Bytes>> {
        if !self.limits.may_ask(asker) {
            return plain(429, "too many requests: ask again in a second\n");
        }
        let identities = self.identities.borrow();
        let Some(identity) = identities.askers.get(&asker) else {
            return plain(503, "this instance is not known yet: ask again\n");
        };
        let header = |name| text(request.headers(), name);
        let asked = Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            token: header(TOKEN),
            token_ttl: header(TOKEN_TTL),
            forwarded: request.headers().contains_key(FORWARDED),
        };
        reply(respond(&asked, identity, &identities.key, boot::uptime().as_secs()))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn plain(status: u16, body: &str) -> hyper::Response<Full<Bytes>> {
    reply(Response {
        status,
        content_type: "text/plain",
        token_ttl: None,
        allow: None,
        body: body.to_owned(),
    })
}

fn reply(response: Response) -> hyper::Response<Full<Bytes>> {
    let Response { status, content_type, token_ttl, allow, body } = response;
    let mut reply = hyper::Response::new(Full::from(body));
    *reply.status_mut() = status.try_into().unwrap_or_default();
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(ttl) = token_ttl {
        headers.insert(TOKEN_TTL, ttl.into());
    }
    if let Some(allow) = allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    reply
}
