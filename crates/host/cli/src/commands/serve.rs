//! `madang serve`.

use madang_agent::ServeOptions;

use crate::args::ServeArgs;
use crate::context::Context;
use crate::ephemeral::Ephemeral;
use crate::error::Failure;
use crate::log;

/// Runs the daemon until it is told to end.
pub(super) async fn run(context: &Context, args: &ServeArgs) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "the daemon" });
    }
    log::install(context.verbose, context.words);
    let layout = context.layout.clone();
    if args.ephemeral {
        // Away from the terminal of whoever ran `up`. Fails for who leads a group: started by hand, it stays there.
        let _ = rustix::process::setsid();
    }
    let doing = || format!("use the directory {}", layout.run_dir().display());
    let held = if args.ephemeral {
        Ephemeral::hold(&layout).map_err(|source| Failure::Host { doing: doing(), source })?
    } else {
        None
    };
    let served = madang_agent::serve(ServeOptions { layout: layout.clone(), executable: None }).await;
    served.map_err(|source| Failure::Serve { source: Box::new(source) })?;
    if let Some(held) = held {
        held.release().map_err(|source| Failure::Host { doing: doing(), source })?;
    }
    Ok(())
}
