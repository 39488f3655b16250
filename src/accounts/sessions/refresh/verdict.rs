//! Decides what to do with a presented refresh token.
//!
//! A client that got no response retries; ten tabs of one browser refresh at once; a thief uses a stolen token. All
//! three present a token that was used before. They are distinguished by whether its successor was used:
//!
//! ```text
//! the token was …                       verdict
//! not used                              rotate: it is used now, and has a successor
//! used, successor unused, within grace  the same response again, byte for byte
//! used, successor unused, after grace   the response was lost: another successor in place of the unused one; once
//! used, successor used or replaced      somebody else has it: the session ends
//! ```
//!
//! Used tokens need no rows: the session has the live generation, and every older one was used. Only the predecessor of
//! the live token has an unused successor.

use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::sessions::pair::{self, Pair};
use crate::accounts::sessions::refresh_token::Genuine;
use crate::accounts::settings::LostResponse;
use crate::secret::Secret;
use crate::store::refresh_tokens::{Chain, Live};
use crate::store::sessions::EXPIRED;

/// The settings that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// `auth.refresh_token.reuse_grace`.
    pub(super) grace: Duration,
    /// `auth.refresh_token.lost_response`.
    pub(super) lost_response: LostResponse,
}

/// The decision.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The live token: replace it and return the successor.
    Rotate,
    /// Return the same response again.
    Again(Pair),
    /// The response was lost: return another successor in place of the unused one.
    ResponseLost,
    /// The tag is valid, and PostgreSQL does not have it: the database was restored from a backup.
    Unknown,
    /// It has expired.
    Expired,
    /// The session has ended.
    Revoked,
    /// Two parties hold tokens of this session: end it.
    Reused,
}

/// Decides. `text` is the token, with which the stored response is decrypted.
pub(super) fn judge(chain: &Chain, token: &Genuine, text: &Secret, rules: Rules, now: OffsetDateTime) -> Verdict {
    match chain.end_reason.as_deref() {
        Some(EXPIRED) => return Verdict::Expired,
        Some(_) => return Verdict::Revoked,
        None => {}
    }
    let Some(live) = &chain.live else {
        return Verdict::Unknown;
    };
    if token.generation >= chain.generation {
        let is_live = token.generation == chain.generation && token.hash == live.token_hash;
        return match is_live {
            true if live.expires_at <= now => Verdict::Expired,
            true => Verdict::Rotate,
            false => Verdict::Unknown,
        };
    }
    if chain.replaced_generation != Some(token.generation) {
        return Verdict::Reused;
    }
    if chain.replaced.is_some_and(|replaced| replaced.token_hash != token.hash) {
        return Verdict::Unknown;
    }
    used(chain, live, text, rules, now)
}

/// The predecessor of the live token. The live one is unused, otherwise it would not be live.
fn used(chain: &Chain, live: &Live, text: &Secret, rules: Rules, now: OffsetDateTime) -> Verdict {
    // Not theft but a client that was offline for a month: the response was lost, and by now everything has expired.
    if live.expires_at <= now {
        return Verdict::Expired;
    }
    // Zero grace is the strict rule: a second use is reuse, whatever it may have been (OWASP ASVS 10.4.5).
    if rules.grace.is_zero() {
        return Verdict::Reused;
    }
    // Counted from the newest response, so that a client whose second response was lost too can retry again.
    if now - live.created_at < rules.grace
        && let Some(pair) = pair::open(chain.response_sealed.as_deref(), text)
    {
        return Verdict::Again(pair);
    }
    let is_second = chain
        .replaced_generation
        .is_some_and(|replaced| chain.generation - replaced > 1);
    // A row that cleanup removed had expired.
    let expired = chain.replaced.is_none_or(|replaced| replaced.expires_at <= now) || chain.session_expires_at <= now;
    match rules.lost_response {
        LostResponse::Accept if !is_second && !expired => Verdict::ResponseLost,
        _ => Verdict::Reused,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::store::refresh_tokens::Replaced;

    const NOW: OffsetDateTime = datetime!(2026-11-23 20:00 UTC);
    const RULES: Rules = Rules {
        grace: Duration::from_secs(30),
        lost_response: LostResponse::Accept,
    };

    /// A session after five refreshes: 6 is live and replaced 5.
    fn chain() -> Chain {
        let hour = Duration::from_secs(3600);
        Chain {
            session_id: Uuid::nil(),
            session_expires_at: NOW + hour * 2,
            generation: 6,
            auth_time: NOW,
            amr: Vec::new(),
            device_name: None,
            user_agent: None,
            address: None,
            end_reason: None,
            live: Some(Live {
                token_hash: [6; 32],
                created_at: NOW,
                expires_at: NOW + hour,
            }),
            replaced_generation: Some(5),
            replaced: Some(Replaced {
                token_hash: [5; 32],
                expires_at: NOW + hour,
            }),
            response_sealed: Some(pair::seal(&response(), &Secret::new("sgr_5"))),
        }
    }

    fn response() -> Pair {
        Pair {
            access_token: "a.b.c".into(),
            token_type: "Bearer".into(),
            expires_in: 600,
            refresh_token: "sgr_6".into(),
            refresh_expires_in: 60,
            session_id: Uuid::nil(),
        }
    }

    fn token(generation: u8) -> Genuine {
        Genuine {
            session_id: Uuid::nil(),
            generation: generation.into(),
            hash: [generation; 32],
        }
    }

    fn judged(chain: &Chain, generation: u8, after: u64) -> Verdict {
        by(RULES, chain, generation, after)
    }

    fn by(rules: Rules, chain: &Chain, generation: u8, after: u64) -> Verdict {
        let text = Secret::new(format!("sgr_{generation}"));
        judge(
            chain,
            &token(generation),
            &text,
            rules,
            NOW + Duration::from_secs(after),
        )
    }

    #[test]
    fn the_live_token_rotates_until_it_expires() {
        assert_eq!(judged(&chain(), 6, 3599), Verdict::Rotate);
        assert_eq!(judged(&chain(), 6, 3600), Verdict::Expired);
    }

    #[test]
    fn within_the_grace_a_used_token_gets_the_same_response() {
        assert_eq!(judged(&chain(), 5, 0), Verdict::Again(response()));
        assert_eq!(judged(&chain(), 5, 29), Verdict::Again(response()));
    }

    #[test]
    fn after_it_another_successor_is_issued_once() {
        assert_eq!(judged(&chain(), 5, 30), Verdict::ResponseLost);

        // 6 was lost; 7 is live in its place and replaced 5, too.
        let second = Chain {
            generation: 7,
            ..chain()
        };
        let live = Some(Live {
            token_hash: [7; 32],
            ..second.live.unwrap()
        });
        let second = Chain { live, ..second };
        assert_eq!(
            judged(&second, 5, 29),
            Verdict::Again(response()),
            "and may be asked for twice"
        );
        assert_eq!(judged(&second, 5, 30), Verdict::Reused, "but there is no third");
        assert_eq!(judged(&second, 6, 1), Verdict::Reused, "the lost one that turns up");
        assert_eq!(judged(&second, 7, 1), Verdict::Rotate);
    }

    #[test]
    fn an_older_token_is_reuse_even_within_the_grace() {
        for generation in 1..=4 {
            assert_eq!(judged(&chain(), generation, 1), Verdict::Reused, "{generation}");
        }
        assert_eq!(judged(&chain(), 4, 3600), Verdict::Reused, "and when all have expired");
    }

    #[test]
    fn a_used_token_whose_successor_expired_is_not_reported_as_reuse() {
        assert_eq!(judged(&chain(), 5, 3600), Verdict::Expired);
        let expired_first = Chain {
            replaced: Some(Replaced {
                expires_at: NOW,
                ..chain().replaced.unwrap()
            }),
            ..chain()
        };
        assert_eq!(judged(&expired_first, 5, 30), Verdict::Reused, "it had expired itself");
        let cleaned_up = Chain {
            replaced: None,
            ..chain()
        };
        assert_eq!(judged(&cleaned_up, 5, 30), Verdict::Reused);
    }

    #[test]
    fn a_token_with_our_tag_that_the_database_does_not_know_is_unknown() {
        let other = |generation: u8| Genuine {
            hash: [9; 32],
            ..token(generation)
        };
        for generation in [5, 6] {
            let verdict = judge(&chain(), &other(generation), &Secret::new("sgr_5"), RULES, NOW);
            assert_eq!(verdict, Verdict::Unknown, "another token of generation {generation}");
        }
        assert_eq!(judged(&chain(), 7, 0), Verdict::Unknown, "a generation to come");
        let no_row = Chain { live: None, ..chain() };
        assert_eq!(judged(&no_row, 6, 0), Verdict::Unknown);
    }

    #[test]
    fn once_the_session_is_over_every_token_is() {
        let ended = |reason: &str| Chain {
            end_reason: Some(reason.to_owned()),
            ..chain()
        };
        for generation in 1..=6 {
            assert_eq!(judged(&ended("logout"), generation, 1), Verdict::Revoked);
            assert_eq!(judged(&ended(EXPIRED), generation, 1), Verdict::Expired);
        }
    }

    #[test]
    fn the_strict_rules_forgive_less() {
        let strict = Rules {
            grace: Duration::ZERO,
            ..RULES
        };
        let revoking = Rules {
            lost_response: LostResponse::Revoke,
            ..RULES
        };
        assert_eq!(by(strict, &chain(), 5, 0), Verdict::Reused);
        assert_eq!(by(revoking, &chain(), 5, 30), Verdict::Reused);
        assert_eq!(by(revoking, &chain(), 5, 29), Verdict::Again(response()));
    }
}
