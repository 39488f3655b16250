//! A slot for a connection, which connects on demand and discards a connection that is out of sync.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};
use tokio::sync::Mutex;

use super::address::Address;
use super::link::Link;

/// After a failed attempt to connect, calls fail at once for this long, rather than each waiting for its own attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// A slot for a link.
pub(super) struct Slot {
    address: Arc<Address>,
    state: Mutex<State>,
    /// The number of the last link that must not be used again.
    spoiled: AtomicU64,
}

#[derive(Default)]
struct State {
    number: u64,
    link: Option<Link>,
    failed: Option<(Instant, RedisError)>,
}

/// Discards a link whose call did not complete, because its timeout passed or its caller was cancelled.
pub(super) struct Watch<'a> {
    slot: &'a Slot,
    number: u64,
    ended: bool,
}

impl Slot {
    pub(super) fn new(address: Arc<Address>) -> Self {
        Self {
            address,
            state: Mutex::default(),
            spoiled: AtomicU64::new(0),
        }
    }

    /// The link; connects if necessary, while other callers wait for it.
    pub(super) async fn link(&self) -> RedisResult<(Link, Watch<'_>)> {
        let mut state = self.state.lock().await;
        if state.number <= self.spoiled.load(Ordering::Acquire) {
            state.link = None;
        }
        if let Some(link) = &state.link {
            return Ok((link.clone(), self.watch(state.number)));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match self.address.connect().await {
            Ok(link) => {
                state.number += 1;
                state.failed = None;
                state.link = Some(link.clone());
                Ok((link, self.watch(state.number)))
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn watch(&self, number: u64) -> Watch<'_> {
        Watch {
            slot: self,
            number,
            ended: false,
        }
    }
}

impl Watch<'_> {
    /// The number of the link: each new one of a slot has a greater one.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The call completed. The link is still discarded if the socket is broken, or the server was demoted and will not
    /// accept writes again.
    pub(super) fn ended<T>(mut self, answer: &RedisResult<T>) {
        self.ended = match answer {
            Ok(_) => true,
            Err(error) => {
                let demoted = matches!(error.kind(), redis::ErrorKind::Server(redis::ServerErrorKind::ReadOnly));
                !(demoted || error.is_timeout() || error.is_io_error() || error.is_unrecoverable_error())
            }
        };
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.slot.spoiled.fetch_max(self.number, Ordering::AcqRel);
        }
    }
}
