//! The file descriptors of the process.
//!
//! Distributions start services with a soft limit of 1024, for programs that use `select`, and a hard limit a thousand
//! times higher. Without a free descriptor nothing can be accepted, not even a probe on the admin listener, so clients
//! are refused while some are left.

use std::fs::File;

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::metrics::Metrics;

/// The descriptors for everything but clients and their requests: the admin listener, the log, the runtimes, Redis,
/// files of the configuration, and idle connections to the application, of which Pingora keeps 128 per thread.
const RESERVE: u64 = 64;
const IDLE_PER_THREAD: u64 = 128;

/// Raises the limit to the hard limit. Returns the limit.
pub(super) fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let limit = match raised {
        Ok(()) => maximum,
        // "Unlimited" is more than the kernel allows (fs.nr_open).
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors could not be raised");
            current
        }
    };
    let (soft, limit) = (current.unwrap_or(u64::MAX), limit.unwrap_or(u64::MAX));
    tracing::info!(
        limit,
        soft,
        "the process can have {limit} file descriptors; it was started with {soft}"
    );
    limit
}

/// The most client connections that `limit` descriptors suffice for: a connection with a request needs a second one for
/// the connection to the application.
pub(super) fn client_connections(limit: u64, threads: usize, database: usize) -> u64 {
    let idle = IDLE_PER_THREAD * u64::try_from(threads).unwrap_or(1);
    let database = u64::try_from(database).unwrap_or(u64::MAX);
    // A process with few descriptors keeps at least half of them for its clients.
    let reserve = RESERVE.saturating_add(idle).saturating_add(database).min(limit / 2);
    ((limit - reserve) / 2).max(1)
}

/// Logs and counts that no descriptor is free. Called once a second.
pub(super) fn watch(metrics: &Metrics) {
    let Err(error) = File::open("/dev/null") else { return };
    let none_left = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    if error.raw_os_error().is_some_and(|code| none_left.contains(&code)) {
        metrics.descriptors_exhausted.inc();
        tracing::error!(%error, "no file descriptor is free: connections cannot be accepted, and files cannot be read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_descriptors_for_their_requests_and_for_everything_else() {
        for (limit, threads, database) in [
            (256, 2, 10),
            (1024, 2, 10),
            (1024, 8, 10),
            (65_536, 4, 100),
            (u64::MAX, 1, 1),
        ] {
            let clients = client_connections(limit, threads, database);
            assert!(clients >= limit / 4, "{limit}: {clients}");
            assert!(2 * clients + RESERVE <= limit, "{limit}: {clients}");
        }
    }
}
