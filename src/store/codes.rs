//! Emailed codes: their HMAC, purpose and remaining attempts. Redis expires them.

use std::time::Duration;

use ::redis::Value;
use data_encoding::HEXLOWER;

use super::redis::{Redis, read};
use super::{StoreError, scripts};

/// The result of comparing a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// Correct, and used up now. With the data that was stored with the code.
    Right(String),
    /// Correct, but used before; recognized because the purpose allows a retry. With the data that was stored with the
    /// code.
    Again(String),
    /// Wrong.
    Wrong {
        /// The number of attempts left; at zero the code is deleted.
        attempts_left: u32,
    },
    /// There is no code: it expired, was used, or never existed.
    None,
}

/// Stores a code. Replaces an earlier one for the same purpose.
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

/// Compares a code and uses it up. `code_hmacs` is the HMAC of the typed code with each secret that the code may have
/// been created with. With `keep`, a correct code is recognized again until it would have expired.
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

/// Deletes a code.
pub async fn forget(redis: &Redis, purpose: &str, of: &str) -> Result<(), StoreError> {
    let mut command = ::redis::cmd("DEL");
    command.arg(redis.keys().code(purpose, of));
    redis.command::<i64>("code_forget", command).await.map(drop)
}
