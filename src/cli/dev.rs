//! `sidegate dev`: everything Sidegate needs, started by itself.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::exit::{bad_config, failed};
use crate::accounts::{Accounts, NewAccount, Operator, OperatorError};
use crate::app::{self, Stop};
use crate::clock;
use crate::config;
use crate::dev::playground::{CONFIG, DEMO_EMAIL, Options, Playground};
use crate::dev::{self, DevError, Signals};
use crate::secret::Secret;

/// Try Sidegate on this machine: starts a private PostgreSQL and Redis, an application to stand in front of, and Sidegate
/// with a demo user.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The application to stand in front of; without it, one that answers with what it received
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,

    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Where metrics and health are
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: SocketAddr,

    /// Where data, sockets and logs are kept
    #[arg(long, default_value = ".sidegate")]
    dir: PathBuf,

    /// Only start fresh PostgreSQL and Redis, run COMMAND with `SIDEGATE_TEST_DATABASE_URL` and
    /// `SIDEGATE_TEST_REDIS_URL` naming them, remove them, and exit as COMMAND did
    #[arg(long, requires = "command")]
    run: bool,

    /// The command for --run, after `--`
    #[arg(last = true, requires = "run", value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs it.
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
    play(options).unwrap_or_else(|error| failed(&error))
}

fn play(options: Options) -> Result<ExitCode, DevError> {
    end_on_signals().map_err(|cause| DevError::Io {
        what: "catch signals".to_owned(),
        cause,
    })?;
    let playground = Playground::start(options)?;
    let name = "the configuration of `sidegate dev`";
    let loaded = match config::parse(name, CONFIG, &|variable| playground.variable(variable)) {
        Ok(loaded) => loaded,
        Err(errors) => return Ok(bad_config(&errors)),
    };
    playground.write_config()?;
    let announcement = playground.announcement();
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
                        tracing::error!(%error, "there is no demo user");
                    }
                    let _ = io::stdout().write_all(announcement.as_bytes());
                })
            })),
        },
    );
    playground.stop();
    Ok(served.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS))
}

/// Makes the demo user on the first start. Its role opens `/admin` in front of the application.
async fn ensure_demo_user(accounts: &Accounts, password: &Secret, is_new: bool) -> Result<(), OperatorError> {
    match accounts.admin.lookup(DEMO_EMAIL).await {
        // Somebody removed the file with the password and kept the database.
        Ok(user) if is_new => {
            accounts
                .admin
                .set_password(&user, password, &Operator::default(), clock::now())
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
                .admin
                .create(account, &Operator::default(), clock::now())
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Turns every signal that asks us to end into SIGTERM for the server, again and again until it is there to hear it: one
/// that comes while PostgreSQL starts must neither be lost nor leave PostgreSQL running.
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
