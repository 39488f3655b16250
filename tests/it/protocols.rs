//! HTTP protocols and framing. Each test here is a row of the table in `docs/requests.md`.

mod bodies;
mod chunks;
mod gone;
mod grpc;
mod http1;
mod http2;
mod http2_upstream;
mod responses;
mod slow_clients;
mod upgrades;

use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
