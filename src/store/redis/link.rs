//! A connection: one socket, or for a cluster a set of them.

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, Pipeline, RedisFuture, RedisResult, Value};

/// A connection; clones share the socket.
#[derive(Clone)]
pub(super) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Runs several commands in one round trip, on one server as a transaction if `atomic`. On a cluster one by one.
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
