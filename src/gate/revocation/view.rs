//! The live revocations, in the memory of this instance.
//!
//! A request is checked against this and not against Redis: that is what keeps the gate off the network. An entry is a
//! fingerprint and two times, so that a million of them fit into 64 MB, and no caller's id can be read out of a dump.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        RwLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::streams::Streams;

/// What a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One token.
    Jti,
    /// One session.
    Sid,
    /// The tokens a user was issued up to an instant: roles or permissions changed, the client should refresh. (When all of
    /// a user's sessions end, each of them is named.)
    User,
}

/// How many locks the entries are spread over: two requests seldom meet at one.
const SHARDS: usize = 64;

/// A 128-bit fingerprint; chance will not make two alike, and an attacker who could would only revoke a token.
pub(super) type Fingerprint = u128;

/// The fingerprints under which a token may have been revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprints([Fingerprint; 3]);

impl Fingerprints {
    /// Computed once per token, when it is verified. An absent id has none.
    pub fn of(ids: &[(Kind, Option<&str>); 3]) -> Self {
        Self(ids.map(|(kind, id)| id.map_or(0, |id| fingerprint(kind, id))))
    }

    pub(super) fn known(&self) -> impl Iterator<Item = Fingerprint> {
        self.0.into_iter().filter(|fingerprint| *fingerprint != 0)
    }
}

/// Kind and id → fingerprint. 0 stands for "none".
pub(super) fn fingerprint(kind: Kind, id: &str) -> Fingerprint {
    let tag = match kind {
        Kind::Jti => "jti:",
        Kind::Sid => "sid:",
        Kind::User => "user:",
    };
    let hash = digest(&SHA256, [tag, id].concat().as_bytes());
    let half = hash.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes");
    u128::from_be_bytes(half).max(1)
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// After this no token it concerns can be alive.
    expires_at: u32,
    /// Tokens issued at or before this are concerned; `u32::MAX`: all.
    issued_until: u32,
}

impl Entry {
    fn concerns(self, issued_at: i64) -> bool {
        self.issued_until == u32::MAX || issued_at <= i64::from(self.issued_until)
    }
}

type Shard = HashMap<Key, Entry, BuildHasherDefault<Folded>>;

/// A fingerprint as it is kept: a `u128` has to lie at a multiple of 16, and would make an entry a third larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key([u64; 2]);

impl From<Fingerprint> for Key {
    fn from(fingerprint: Fingerprint) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
        Self([(fingerprint >> 64) as u64, fingerprint as u64])
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// All live revocations.
#[derive(Debug)]
pub struct View {
    shards: [RwLock<Shard>; SHARDS],
    entries: AtomicUsize,
    /// The requests under way that end with their session.
    pub(super) streams: Streams,
    /// Unix milliseconds until which the view is known to be complete.
    synced_at: AtomicI64,
}

impl Default for View {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            entries: AtomicUsize::new(0),
            streams: Streams::default(),
            synced_at: AtomicI64::new(i64::MIN),
        }
    }
}

/// What the view says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Live,
    /// It was revoked.
    Revoked,
    /// It carries old rights.
    Outdated,
}

impl View {
    /// Adds a revocation, and ends the streams it concerns. `issued_until`: for a user, tokens issued at or before it; `None`: all.
    pub fn revoke(&self, kind: Kind, id: &str, issued_until: Option<OffsetDateTime>, expires_at: OffsetDateTime) {
        let entry = Entry {
            expires_at: seconds(expires_at),
            issued_until: issued_until.map_or(u32::MAX, seconds),
        };
        let fingerprint = fingerprint(kind, id);
        let mut shard = self.shard(fingerprint).write().expect("no holder of this lock panics");
        let merged = shard.get(&fingerprint.into()).map_or(entry, |old| Entry {
            // Entries may arrive twice and out of order: what was revoked stays revoked.
            expires_at: old.expires_at.max(entry.expires_at),
            issued_until: old.issued_until.max(entry.issued_until),
        });
        if shard.insert(fingerprint.into(), merged).is_none() {
            self.entries.fetch_add(1, Ordering::Relaxed);
        }
        drop(shard);
        self.streams.end(fingerprint, |issued_at| merged.concerns(issued_at));
    }

    /// What is known of a token with these fingerprints, issued at `issued_at` (Unix seconds).
    pub fn standing(&self, fingerprints: &Fingerprints, issued_at: i64) -> Standing {
        if self.entries.load(Ordering::Relaxed) == 0 {
            return Standing::Live;
        }
        let [jti, sid, user] = fingerprints.0;
        if self.concerns(jti, issued_at) || self.concerns(sid, issued_at) {
            Standing::Revoked
        } else if self.concerns(user, issued_at) {
            Standing::Outdated
        } else {
            Standing::Live
        }
    }

    fn concerns(&self, fingerprint: Fingerprint, issued_at: i64) -> bool {
        if fingerprint == 0 {
            return false;
        }
        let shard = self.shard(fingerprint).read().expect("no holder of this lock panics");
        shard
            .get(&fingerprint.into())
            .is_some_and(|entry| entry.concerns(issued_at))
    }

    /// Forgets entries whose tokens have all expired.
    pub fn forget_expired(&self, now: OffsetDateTime) {
        let now = seconds(now);
        for shard in &self.shards {
            let mut shard = shard.write().expect("no holder of this lock panics");
            let before = shard.len();
            shard.retain(|_, entry| entry.expires_at > now);
            self.entries.fetch_sub(before - shard.len(), Ordering::Relaxed);
            // A wave of logouts must not keep its memory for ever.
            if shard.capacity() > 4 * shard.len().max(16) {
                shard.shrink_to_fit();
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that the view held everything that was revoked before `at`.
    pub fn synced(&self, at: OffsetDateTime) {
        self.synced_at.fetch_max(milliseconds(at), Ordering::Relaxed);
    }

    /// How old the view is.
    pub fn lag(&self, now: OffsetDateTime) -> Duration {
        let behind = milliseconds(now).saturating_sub(self.synced_at.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(behind).unwrap_or(0))
    }

    fn shard(&self, fingerprint: Fingerprint) -> &RwLock<Shard> {
        // The low bits choose the shard, the high ones the bucket in it.
        &self.shards[usize::try_from(fingerprint % SHARDS as u128).expect("less than SHARDS")]
    }
}

fn seconds(at: OffsetDateTime) -> u32 {
    // One below the mark that means "all"; the year 2106 is the end of this representation.
    u32::try_from(at.unix_timestamp().max(0))
        .unwrap_or(u32::MAX)
        .min(u32::MAX - 1)
}

fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A fingerprint is already a hash; hashing it again would cost more than the look-up.
#[derive(Debug, Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only keys are hashed")
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
    const LATER: OffsetDateTime = datetime!(2026-11-23 12:10:00 UTC);

    fn token(jti: &str, sid: &str, user: &str) -> Fingerprints {
        Fingerprints::of(&[(Kind::Jti, Some(jti)), (Kind::Sid, Some(sid)), (Kind::User, Some(user))])
    }

    #[test]
    fn a_revoked_session_ends_all_its_tokens_and_no_others() {
        let view = View::default();
        view.revoke(Kind::Sid, "s1", None, LATER);
        assert_eq!(view.standing(&token("j1", "s1", "u"), 0), Standing::Revoked);
        assert_eq!(view.standing(&token("j2", "s2", "u"), 0), Standing::Live);
        assert_eq!(
            view.standing(&token("s1", "s2", "s1"), 0),
            Standing::Live,
            "an id counts only in its own kind"
        );
    }

    #[test]
    fn a_users_tokens_are_outdated_up_to_an_instant_and_a_second_later_pass() {
        let view = View::default();
        view.revoke(Kind::User, "u", Some(NOW), LATER);
        let issued = NOW.unix_timestamp();
        assert_eq!(view.standing(&token("j", "s", "u"), issued), Standing::Outdated);
        assert_eq!(view.standing(&token("j", "s", "u"), issued + 1), Standing::Live);
        view.revoke(Kind::Sid, "s", None, LATER);
        assert_eq!(
            view.standing(&token("j", "s", "u"), issued),
            Standing::Revoked,
            "the stronger word wins"
        );
    }

    #[test]
    fn an_older_entry_that_arrives_late_takes_nothing_back() {
        let view = View::default();
        view.revoke(Kind::User, "u", Some(NOW), LATER);
        view.revoke(Kind::User, "u", Some(NOW - Duration::from_secs(60)), NOW);
        assert_eq!(
            view.standing(&token("j", "s", "u"), NOW.unix_timestamp()),
            Standing::Outdated
        );
        view.forget_expired(NOW);
        assert_eq!(view.len(), 1);
    }

    #[test]
    fn an_entry_is_forgotten_when_its_tokens_are_dead_and_not_before() {
        let view = View::default();
        view.revoke(Kind::Jti, "j", None, LATER);
        view.forget_expired(LATER - Duration::from_secs(1));
        assert_eq!(view.len(), 1);
        view.forget_expired(LATER);
        assert!(view.is_empty());
        assert_eq!(view.standing(&token("j", "s", "u"), 0), Standing::Live);
    }

    #[test]
    fn a_view_that_never_synced_is_older_than_any_bound() {
        let view = View::default();
        assert!(view.lag(NOW) > Duration::from_secs(1 << 40));
        view.synced(NOW);
        assert_eq!(view.lag(NOW + Duration::from_millis(1500)), Duration::from_millis(1500));
        view.synced(NOW - Duration::from_secs(9));
        assert_eq!(
            view.lag(NOW),
            Duration::ZERO,
            "an old answer does not turn the view back"
        );
    }

    /// Resident memory of this process, by the kernel's count.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
    }

    #[test]
    #[ignore = "run alone by the next one: other tests would be measured too"]
    fn fill_with_a_million() {
        let view = View::default();
        let before = resident();
        for number in 0..1_000_000 {
            view.revoke(Kind::Sid, &format!("session-{number}"), None, LATER);
        }
        let each = (resident() - before) / view.len();
        println!("{} revocations, {each} bytes of resident memory each", view.len());
        assert_eq!(view.len(), 1_000_000);
        assert!(each <= 64, "{each}");
    }

    #[test]
    fn a_million_revocations_fit_into_64_mb() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("gate::revocation::view::tests::fill_with_a_million")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        println!("{said}");
        assert!(alone.status.success() && said.contains("1000000 revocations"), "{said}");
    }

    #[test]
    fn a_token_without_ids_is_not_caught_by_an_empty_one() {
        let view = View::default();
        view.revoke(Kind::Sid, "", None, LATER);
        let anonymous = Fingerprints::of(&[(Kind::Jti, None), (Kind::Sid, None), (Kind::User, Some("u"))]);
        assert_eq!(view.standing(&anonymous, 0), Standing::Live);
    }
}
