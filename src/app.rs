//! The composition root: the only place where the parts are built and connected.
//!
//! ```text
//! configuration ─► log, crypto ─► stores ─► (issuer) schema, keys, accounts ─► gate ─► proxy + admin ─► until a signal
//! ```
//!
//! Pingora's server runs on its own threads. Everything that calls a store runs on a runtime of its own, so that a slow
//! database never blocks a proxying thread.

mod accounts;
mod activity;
mod background;
mod crypto;
mod descriptors;
mod error;
mod essential;
mod issuer;
mod memory;
mod reload;
mod revocations;
mod shared;
mod shutdown;
mod tools;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use pingora::{
    proxy::http_proxy,
    server::{RunArgs, Server, configuration::ServerConf},
    services::listening::Service,
};
use tokio::runtime::{Builder, Handle, Runtime};

pub use self::background::OnReady;
pub use self::crypto::install_crypto;
pub use self::error::AppError;
use self::reload::Reloader;
pub(crate) use self::shared::Shared;
pub use self::shutdown::Stop;
pub use self::tools::Tools;
use crate::{
    accounts::Accounts,
    admin::Admin,
    clock,
    config::Loaded,
    endpoints,
    gate::{
        self, Gate, activity::Activity, assertion::Asserter, rate_limit::Limiter, revocation::Revocations,
        verify::Verifier,
    },
    keys::{Algorithm, SigningKey},
    log::{self, Log},
    metrics::Metrics,
    proxy::{self, AuthApi, Capacity, Connections, EndingProxy, Proxy},
    store::postgres::Postgres,
};

/// The number of threads for stores, endpoints and background work, which mostly wait.
const IO_THREADS: usize = 2;

/// The options of [`serve`].
pub struct Options {
    /// The file to reload the configuration from; `None` if it cannot be reloaded.
    pub source: Option<PathBuf>,
    /// The signals that end the process.
    pub stop: Stop,
    /// Called once, when the instance is ready.
    pub on_ready: Option<OnReady>,
}

/// Serves until a signal ends the process.
///
/// # Errors
/// When a listen address or a store's URL is not usable. Later errors are logged and counted, not returned.
pub fn serve(loaded: Loaded, options: Options) -> Result<(), AppError> {
    let metrics = Arc::new(Metrics::new());
    let log = log::start(
        loaded.boot.log_format,
        &loaded.boot.log_level,
        &metrics.log_lines_dropped,
    )?;
    let served = run(loaded, options, metrics, log.clone());
    log.flush();
    served
}

fn run(loaded: Loaded, options: Options, metrics: Arc<Metrics>, log: Log) -> Result<(), AppError> {
    let Loaded { boot, snapshot, .. } = loaded;
    count_panics(&metrics);
    let descriptors = descriptors::raise();
    install_crypto();
    free(boot.listen, "server.listen")?;
    free(boot.admin, "server.admin")?;

    let io = Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("io")
        .enable_all()
        .build()?;
    let shared = {
        let _inside = io.enter();
        Arc::new(Shared::new(boot, snapshot, metrics, log)?)
    };
    reload::install(&shared, &shared.snapshot.load());
    io.block_on(async {
        let snapshot = shared.snapshot.load_full();
        shared.refreshers.adopt(reload::remote_sources(&snapshot)).await;
        shared.upstreams.adopt(&snapshot).await;
    });

    let gate = gate(&shared)?;
    let (services, postgres) = match (&shared.boot.auth, &shared.boot.postgres) {
        (Some(settings), Some(postgres)) => {
            let _inside = io.enter();
            let postgres = Postgres::connect(postgres, &shared.metrics)?;
            let services = accounts::services(&shared, settings, &postgres)?;
            issuer::bring_up(&io, &shared, &services);
            (Some(Arc::clone(&services.accounts)), Some(postgres))
        }
        _ => (None, None),
    };
    let (active, signs) = Activity::new(shared.boot.auth.as_ref().map(|auth| auth.issuer.as_str()));
    essential::spawn(
        io.handle(),
        &shared,
        "activity events",
        activity::write_down(Arc::clone(&shared), signs),
    );
    let auth = services
        .as_ref()
        .map(|accounts| auth_api(&shared, &gate, accounts, &active, io.handle()));
    let (reload, requests) = tokio::sync::mpsc::channel(4);
    let reloader = Reloader {
        shared: Arc::clone(&shared),
        source: options.source,
        postgres,
    };
    let reloads = reload::run(reloader, requests);
    essential::spawn(io.handle(), &shared, "reloads", reloads);
    background::spawn(&io, &shared, &gate);
    if let Some(on_ready) = options.on_ready {
        io.spawn(background::announce(Arc::clone(&shared), services, on_ready));
    }

    let server = server(&shared, gate, auth, active, reload, descriptors);
    server.run(RunArgs {
        shutdown_signal: Box::new(shutdown::Signals::new(options.stop, Arc::clone(&shared))),
    });
    shared.finish();
    end(io);
    Ok(())
}

fn gate(shared: &Shared) -> Result<Arc<Gate>, AppError> {
    let asserts_as = shared.boot.asserts_as();
    let asserter = if shared.boot.auth.is_some() {
        Asserter::of_issuer(asserts_as, Arc::clone(&shared.keys), &shared.metrics)
    } else {
        // In memory only and new at each start: an attacker who takes over a verifier gets no key that another instance
        // trusts.
        let key = SigningKey::generate(Algorithm::Es256).map_err(std::io::Error::other)?;
        Asserter::ephemeral(asserts_as, key, &shared.metrics)
    };
    Ok(Arc::new(Gate {
        asserter,
        verifier: Verifier::new(Arc::clone(&shared.keys), &shared.metrics),
        revocations: Revocations {
            view: Arc::clone(&shared.view),
            redis: shared.redis.clone(),
        },
        limiter: Limiter::new(shared.redis.clone(), Arc::clone(&shared.metrics)),
    }))
}

fn auth_api(
    shared: &Arc<Shared>,
    gate: &Arc<Gate>,
    accounts: &Arc<Accounts>,
    active: &Activity,
    runtime: &Handle,
) -> AuthApi {
    let services = endpoints::Services {
        accounts: Arc::clone(accounts),
        activity: active.clone(),
        authenticate: {
            let (gate, shared) = (Arc::clone(gate), Arc::clone(shared));
            Arc::new(move |headers, now| {
                let (gate, snapshot) = (Arc::clone(&gate), shared.snapshot.load_full());
                Box::pin(async move {
                    let caller = gate::authenticate(&headers, &gate, &snapshot.rules, now).await?;
                    Ok(identified(&caller.identity))
                })
            })
        },
        identify: {
            let (gate, shared) = (Arc::clone(gate), Arc::clone(shared));
            Arc::new(move |headers, now| {
                let (gate, snapshot) = (Arc::clone(&gate), shared.snapshot.load_full());
                Box::pin(async move {
                    let identity = gate::identify_even_if_expired(&headers, &gate, &snapshot.rules, now)?;
                    Ok(identified(&identity))
                })
            })
        },
        public_url: shared.boot.public_url.clone(),
    };
    let base = accounts.settings.base_path.trim_end_matches('/').to_owned();
    AuthApi::new(endpoints::router(Arc::new(services)), runtime.clone(), &base)
}

fn identified(identity: &gate::identity::Identity) -> endpoints::Identified {
    endpoints::Identified {
        issuer: identity.issuer.to_string(),
        subject: identity.subject().to_owned(),
        session: identity.session().map(str::to_owned),
        permissions: identity.permissions.iter().map(ToString::to_string).collect(),
        token_id: identity.jti().map(str::to_owned),
    }
}

fn server(
    shared: &Arc<Shared>,
    gate: Arc<Gate>,
    auth: Option<AuthApi>,
    activity: Activity,
    reload: tokio::sync::mpsc::Sender<crate::admin::ReloadRequest>,
    descriptors: u64,
) -> Server {
    let boot = &shared.boot;
    let conf = ServerConf {
        threads: boot.threads,
        // A single thread has no other to steal work from, and the preparation for it costs a sixth of its time.
        work_stealing: boot.threads > 1,
        // Attempts, not retries; `fail_to_connect` decides how many an upstream allows.
        max_retries: 8,
        grace_period_seconds: Some(boot.grace_period.as_secs()),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();

    let database = boot
        .postgres
        .as_ref()
        .map_or(0, |settings| settings.max * (1 + settings.replicas.len()));
    let connections = descriptors::client_connections(descriptors, boot.threads, database);
    let capacity = Arc::new(Capacity::new(connections, &shared.metrics));
    let proxy = Proxy {
        gate,
        snapshot: Arc::clone(&shared.snapshot),
        upstreams: Arc::clone(&shared.upstreams),
        auth,
        activity,
        capacity: Arc::clone(&capacity),
        metrics: Arc::clone(&shared.metrics),
        draining: shared.readiness.is_draining(),
    };
    let mut proxy = http_proxy(&server.configuration, proxy);
    let options = proxy.server_options.get_or_insert_default();
    options.h2c = true;
    options.h2_idle_timeout = Some(shared.snapshot.load().limits.idle);
    let proxy = EndingProxy(Arc::new(proxy));
    let proxy = Connections::new(
        proxy,
        Arc::clone(&shared.snapshot),
        capacity,
        Arc::clone(&shared.metrics),
    );
    let mut proxy = Service::new("proxy".to_owned(), proxy);
    proxy.add_listener(proxy::listener(boot.listen));
    server.add_service(proxy);

    let admin = Admin {
        metrics: Arc::clone(&shared.metrics),
        keys: Arc::clone(&shared.keys),
        state: Arc::clone(&shared.readiness),
        reload,
    };
    let mut admin = Service::new("admin".to_owned(), pingora::apps::http_app::HttpServer::new_app(admin));
    admin.threads = Some(1);
    admin.add_tcp(&boot.admin.to_string());
    server.add_service(admin);
    server
}

/// Checks the address first: Pingora panics if it cannot bind it, and an error with the configuration key is better.
fn free(address: SocketAddr, key: &'static str) -> Result<(), AppError> {
    std::net::TcpListener::bind(address)
        .map(drop)
        .map_err(|cause| AppError::Listen { key, address, cause })
}

/// Counts panics, and logs them: what the default hook prints would wait for a log that nobody reads.
fn count_panics(metrics: &Arc<Metrics>) {
    let panics = metrics.panics.clone();
    std::panic::set_hook(Box::new(move |info| {
        panics.inc();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace =
            (backtrace.status() == std::backtrace::BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(thread, backtrace, "{info}");
    }));
}

/// Stops background work at its next await; it must not delay the end of the process.
fn end(io: Runtime) {
    io.shutdown_timeout(Duration::from_millis(500));
    tracing::info!(at = %clock::now(), "stopped");
}
