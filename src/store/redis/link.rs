//! One socket (or, for a cluster, one set of them), made when it is needed and given up when it cannot be trusted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value};
use tokio::sync::Mutex;

use super::address::Address;

/// After a failed attempt to connect, calls fail at once for so long, rather than each waiting for its own attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection; clones share the socket.
#[derive(Clone)]
pub(super) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Several commands in one round trip, on one server as a transaction if `atomic`. On a cluster one by one.
    pub(super) async fn all(mut self, commands: Vec<Cmd>, atomic: bool) -> RedisResult<Vec<Value>> {
        if let Self::Single(_) = self {
            let mut pipeline = Pipeline::with_capacity(commands.len());
            if atomic {
                pipeline.atomic();
            }
            for command in commands {
                pipeline.add_command(command);
            }
            return pipeline.query_async(&mut self).await;
        }
        if atomic {
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                answers.push(command.query_async(&mut self).await?);
            }
            return Ok(answers);
        }
        futures::future::try_join_all(commands.into_iter().map(|command| {
            let mut link = self.clone();
            async move { command.query_async(&mut link).await }
        }))
        .await
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// The place of a link.
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

/// Sees to it that a link whose call did not end is not used again. A call does not end when its deadline passes, or when
/// its caller goes away.
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

    /// The link, made anew if need be; callers that come meanwhile wait for it.
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

    /// The call ended. Some answers spoil the link all the same: a broken socket, and a server that was demoted and will
    /// never take a write again.
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
