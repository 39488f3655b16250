//! Codes that were mailed: their HMAC, what they are for, and how many attempts are left. Redis forgets them by itself.

use std::time::Duration;

use ::redis::Value;
use data_encoding::HEXLOWER;

use super::redis::{Redis, read};
use super::{StoreError, scripts};

/// What a code turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The right one; it is used up now. With what was kept beside it.
    Right(String),
    /// The right one, which was shown before and is kept to be recognised. With what was kept beside it.
    Again(String),
    /// A wrong one.
    Wrong {
        /// At zero the code is gone.
        attempts_left: u32,
    },
    /// None waits: it expired, was used, or was never made.
    None,
}

/// Keeps a code, in the place of an earlier one for the same purpose.
pub async fn put(
    redis: &Redis,
    purpose: &str,
    of: &str,
    code_hmac: &[u8; 32],
    data: &str,
    attempts: u32,
    ttl: Duration,
) -> Result<(), StoreError> {
    let key = redis.keys().code(purpose, of);
    let mut forget = ::redis::cmd("DEL");
    forget.arg(&key);
    let mut keep = ::redis::cmd("HSET");
    keep.arg(&key).arg("code").arg(HEXLOWER.encode(code_hmac));
    keep.arg("data").arg(data).arg("left").arg(attempts);
    let mut expire = ::redis::cmd("PEXPIRE");
    expire
        .arg(&key)
        .arg(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1));
    redis.all("code_put", vec![forget, keep, expire]).await.map(drop)
}

/// Compares and uses up. `code_hmacs`: what was typed, under each secret with which the code may have been made; with
/// `keep`, a right one that comes again is recognised for as long as it would have lived.
pub async fn check(
    redis: &Redis,
    purpose: &str,
    of: &str,
    code_hmacs: &[[u8; 32]],
    keep: bool,
) -> Result<Checked, StoreError> {
    const OPERATION: &str = "code_check";
    let mut script = scripts::CODE_CHECK.prepare_invoke();
    script.key(redis.keys().code(purpose, of)).arg(i32::from(keep));
    for hmac in code_hmacs {
        script.arg(HEXLOWER.encode(hmac));
    }
    let mut answer = redis.script::<Vec<Value>>(OPERATION, script).await?.into_iter();
    let verdict: i64 = read(OPERATION, answer.next().unwrap_or(Value::Nil))?;
    let detail = answer.next().unwrap_or(Value::Nil);
    match verdict {
        2 => Ok(Checked::Again(read(OPERATION, detail)?)),
        1 => Ok(Checked::Right(read(OPERATION, detail)?)),
        0 => Ok(Checked::Wrong {
            attempts_left: read(OPERATION, detail)?,
        }),
        _ => Ok(Checked::None),
    }
}

/// Takes a code back.
pub async fn forget(redis: &Redis, purpose: &str, of: &str) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("DEL");
    command.arg(redis.keys().code(purpose, of));
    redis.command::<i64>("code_forget", command).await.map(drop)
}
