//! The Lua scripts, each a file under `store/scripts` whose header describes its arguments and results.

use std::sync::LazyLock;

use ::redis::Script;

/// Takes permits of a rate limit.
pub(super) static RATE_LIMIT_TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_limit_take.lua")));

/// Compares a code and uses it up.
pub(super) static CODE_CHECK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/code_check.lua")));

/// Counts the different members of a window.
pub(super) static COUNT_DISTINCT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/count_distinct.lua")));

/// Publishes revocations.
pub(super) static REVOCATION_PUBLISH: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/revocation_publish.lua")));

/// The server's time, and whether an entry of the feed is still there.
pub(super) static REVOCATION_POSITION: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/revocation_position.lua")));

/// Appends a heartbeat to the feed.
pub(super) static REVOCATION_HEARTBEAT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/revocation_heartbeat.lua")));

/// Reads the status of one token.
pub(super) static REVOCATION_CHECK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/revocation_check.lua")));
