//! How the process ends.
//!
//! SIGTERM: report "not ready", continue accepting for `drain_delay` so that load balancers stop sending requests, then
//! close the listeners, finish open requests, and exit as soon as there are none, at the latest after `grace_period`.
//! SIGINT: at once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{SignalKind, signal};

use super::Shared;

/// How signals end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM drains, SIGINT ends at once.
    Gracefully,
    /// Both end at once, for `sidegate dev`.
    AtOnce,
}

pub(super) struct Signals {
    stop: Stop,
    shared: Arc<Shared>,
}

impl Signals {
    pub(super) fn new(stop: Stop, shared: Arc<Shared>) -> Self {
        Self { stop, shared }
    }
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("signals cannot be caught: only SIGKILL will end this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
            _ = terminate.recv() => {}
        }
        if self.stop == Stop::AtOnce {
            return ShutdownSignal::FastShutdown;
        }
        self.shared.readiness.draining();
        tracing::info!("draining");
        tokio::select! {
            () = tokio::time::sleep(self.shared.boot.drain_delay) => {}
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
        }
        exit_when_idle(Arc::clone(&self.shared));
        ShutdownSignal::GracefulTerminate
    }
}

/// Ends as soon as no request is left: Pingora would always sleep for the whole grace period.
fn exit_when_idle(shared: Arc<Shared>) {
    std::thread::spawn(move || {
        // Long enough for Pingora to close its listeners, and for accepted requests to be counted.
        std::thread::sleep(Duration::from_millis(250));
        while shared.metrics.http_requests_in_flight.get() > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        shared.finish();
        tracing::info!("drained");
        shared.log.flush();
        std::process::exit(0);
    });
}
