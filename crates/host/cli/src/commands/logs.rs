//! `madang logs`.

use std::io::{self, Write};

use madang_api::LogOptions;
use tokio::io::AsyncReadExt;

use crate::args::LogsArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::kinds;
use crate::wait::interrupts;

/// Prints what an instance's process wrote.
pub(super) async fn run(context: &Context, args: &LogsArgs) -> Result<(), Failure> {
    let instance = kinds::instance(&args.instance, context.project())?;
    let client = context.client().await?;
    let options = LogOptions { follow: args.follow, tail: args.tail };
    let doing = || format!("read the log of {instance}");
    let mut log = client.logs(&instance, options).await.map_err(|error| Failure::api(doing(), error))?;
    let mut interrupt = interrupts()?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = tokio::select! {
            n = log.read(&mut buffer) => n.map_err(|source| Failure::Host { doing: doing(), source })?,
            _ = interrupt.recv() => return Ok(()),
        };
        if n == 0 {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(&buffer[..n])
            .and_then(|()| out.flush())
            .map_err(|source| Failure::Output { source })?;
    }
}
