//! `sidegate dev`: starts Sidegate with everything it needs, on this machine only.

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
