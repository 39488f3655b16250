//! How requests may be spoken. Each test here is a row of the table in `docs/requests.md`.

mod bodies;
mod grpc;
mod http1;
mod http2;
mod patience;
mod upgrades;

use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
