//! The Lua scripts, each a file under `store/scripts` whose head says what it takes and returns.

use std::sync::LazyLock;

use ::redis::Script;

/// Takes permits of a sliding window.
pub(super) static RATE_LIMIT_TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_limit_take.lua")));

/// Compares a code and uses it up.
pub(super) static CODE_CHECK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/code_check.lua")));

/// Counts different members of a window.
pub(super) static COUNT_DISTINCT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/count_distinct.lua")));

/// Outdates a user's tokens. Sent as text in a pipeline, where a script that Redis does not know cannot be sent again.
pub(super) const REVOKE_USER: &str = include_str!("scripts/revoke_user.lua");
