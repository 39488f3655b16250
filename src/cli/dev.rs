//! `sidegate dev`: starts Sidegate with everything it needs, on this machine only.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::exit::{bad_config, failed};
use crate::accounts::{Accounts, NewAccount, Operator, OperatorError};
use crate::app::{self, Stop};
use crate::clock;
use crate::config::{self, Errors, Overlay};
use crate::dev::playground::{DEMO_EMAIL, Options, Playground};
use crate::dev::{self, DevError, Signals};
use crate::secret::Secret;

/// Run Sidegate on this machine only, with a private PostgreSQL and Redis, an application behind it, and a demo user.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Proxy to this application. Without it, a built-in one answers with the request it received
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,

    /// Accept requests on this address
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Serve metrics and health on this address
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: SocketAddr,

    /// Keep data, sockets and logs in this directory
    #[arg(long, default_value = ".sidegate")]
    dir: PathBuf,

    /// Lay this configuration file over the built-in one: maps are merged, and lists whose elements have an id, such as
    /// routes; other lists are replaced
    #[arg(long, short, value_name = "FILE", conflicts_with = "run")]
    config: Option<PathBuf>,

    /// Only start a fresh PostgreSQL and Redis, run COMMAND with their URLs in `SIDEGATE_TEST_DATABASE_URL` and
    /// `SIDEGATE_TEST_REDIS_URL`, remove them, and exit with COMMAND's exit code
    #[arg(long, requires = "command")]
    run: bool,

    /// The command to run with --run, after `--`
    #[arg(last = true, requires = "run", value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs until a signal, or until the command of `--run` has ended.
pub fn run(args: Args) -> ExitCode {
    if args.run {
        return dev::run_with_services(&args.command).map_or_else(|error| failed(&error), ExitCode::from);
    }
    let options = Options {
        listen: args.listen,
        admin: args.admin,
        upstream: args.upstream,
        dir: args.dir,
    };
    let overlay = match args.config.as_deref().map(overlay).transpose() {
        Ok(overlay) => overlay,
        Err(errors) => return bad_config(&errors),
    };
    let overrides = args.config.as_deref().zip(overlay.as_ref());
    play(options, overrides).unwrap_or_else(|error| failed(&error))
}

/// The keys that `sidegate dev` has to know, because it prints and uses their values.
const FIXED: [(&str, &str); 6] = [
    ("server.listen", "is set by `sidegate dev`: use --listen"),
    ("server.admin", "is set by `sidegate dev`: use --admin"),
    (
        "store.postgres.url",
        "is set by `sidegate dev`, which runs its own PostgreSQL",
    ),
    ("store.redis.url", "is set by `sidegate dev`, which runs its own Redis"),
    (
        "auth.secret",
        "is set by `sidegate dev`, which keeps it in its directory",
    ),
    ("upstreams.app.servers", "is set by `sidegate dev`: use --upstream"),
];

fn overlay(file: &Path) -> Result<Overlay, Errors> {
    let overlay = Overlay::load(file)?;
    overlay.refuse(&FIXED)?;
    Ok(overlay)
}

fn play(options: Options, overrides: Option<(&Path, &Overlay)>) -> Result<ExitCode, DevError> {
    end_on_signals().map_err(|cause| DevError::Io {
        what: "catch signals".to_owned(),
        cause,
    })?;
    let playground = Playground::start(options)?;
    let base = playground.config();
    let text = overrides.map_or_else(|| base.clone(), |(_, overlay)| overlay.over(&base));
    let name = "the configuration of `sidegate dev`";
    let loaded = match config::parse(name, &text, &|variable| playground.variable(variable)) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let located = overrides.map(|(_, overlay)| overlay.locate(&base, &errors));
            return Ok(bad_config(&located.unwrap_or(errors)));
        }
    };
    playground.write_config(&text)?;
    let mail = loaded.file.auth.as_ref().and_then(|auth| auth.mail.as_ref());
    let mail = mail.and_then(|mail| mail.directory.as_deref());
    let announcement = playground.announcement(mail, overrides.map(|(file, _)| file));
    let (password, is_new) = (playground.demo_password().clone(), playground.demo_password_is_new());
    let served = app::serve(
        loaded,
        app::Options {
            source: None,
            stop: Stop::AtOnce,
            on_ready: Some(Box::new(move |accounts: Option<Arc<Accounts>>| {
                Box::pin(async move {
                    let demo_user = match accounts {
                        Some(accounts) => ensure_demo_user(&accounts, &password, is_new).await,
                        None => Ok(()),
                    };
                    if let Err(error) = demo_user {
                        tracing::error!(%error, "the demo user was not created");
                    }
                    let _ = io::stdout().write_all(announcement.as_bytes());
                })
            })),
        },
    );
    playground.stop();
    Ok(served.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS))
}

/// Creates the demo user on the first start. Its role gives access to `/admin` of the application.
async fn ensure_demo_user(accounts: &Accounts, password: &Secret, is_new: bool) -> Result<(), OperatorError> {
    match accounts.operator.accounts.lookup(DEMO_EMAIL).await {
        // The file with the password was removed, and the database kept.
        Ok(user) if is_new => {
            accounts
                .operator
                .accounts
                .set_password(&user, password, &Operator::command_line(), clock::now())
                .await
        }
        Ok(_) => Ok(()),
        Err(OperatorError::NotFound(_)) => {
            let account = NewAccount {
                email: DEMO_EMAIL,
                username: Some("demo"),
                password,
                roles: &["admin".to_owned()],
                permissions: &[],
                email_verified: true,
            };
            accounts
                .operator
                .accounts
                .create(account, &Operator::command_line(), clock::now())
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Turns every terminating signal into SIGTERM for the server, and repeats it until the server handles it: a signal that
/// arrives while PostgreSQL is starting must neither be lost nor leave PostgreSQL running.
fn end_on_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::catch()?
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            signals.next().await;
            loop {
                let _ = kill_process(getpid(), Signal::TERM);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    })?;
    Ok(())
}
