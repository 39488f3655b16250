//! Sessions against a reference model: for any sequence of calls, the services and four rules give the same results.
//!
//! In the model a session consists of a live refresh token and the predecessor that was exchanged for it; every other
//! token that it ever had is an old one.
//!
//! ```text
//! presented                  the session is over   it is open
//! the live token             refused: revoked      expired, or the next one
//! the one spent for it       refused: revoked      the same answer; after the grace another, once; then reuse
//! an old one                 refused: revoked      reuse: the session is over
//! ```

use std::time::Duration;

use futures::StreamExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sidegate::accounts::{Operator, Origin, Pair, RefreshError, Scope, SessionOf};
use sidegate::secret::Secret;
use time::OffsetDateTime;
use uuid::Uuid;

use super::fixture::{PASSWORD, Services};
use crate::store::fixture::NOW;

const SEQUENCES: usize = 10_000;
const GRACE: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_secs(3600);
const SESSION_MAX: Duration = Duration::from_secs(3 * 3600);
const OTHER_PASSWORD: &str = "tepid-gravel-19-walnut";

/// One call. Numbers choose among what there is, counted from the newest.
#[derive(Debug, Clone)]
enum Call {
    Login,
    LoginWithAWrongPassword,
    Refresh { session: usize, back: usize },
    Logout { session: usize, scope: Scope },
    EndSession { by: usize, session: usize },
    SetPassword,
    RevokeAll,
    TimePasses(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    // Mostly the newest session and its newest token, as clients do.
    let session = prop_oneof![4 => Just(0_usize), 2 => Just(1), 1 => 2_usize..4];
    let back = prop_oneof![6 => Just(0_usize), 3 => Just(1), 1 => 2_usize..5];
    let scope = prop_oneof![2 => Just(Scope::This), 1 => Just(Scope::Others), 1 => Just(Scope::All)];
    let seconds = prop::sample::select(vec![1_u64, 5, 29, 30, 31, 600, 3599, 3600, 3700, 11_000]);
    let call = prop_oneof![
        20 => Just(Call::Login),
        2 => Just(Call::LoginWithAWrongPassword),
        45 => (session.clone(), back).prop_map(|(session, back)| Call::Refresh { session, back }),
        5 => (session.clone(), scope).prop_map(|(session, scope)| Call::Logout { session, scope }),
        4 => (session.clone(), session).prop_map(|(by, session)| Call::EndSession { by, session }),
        1 => Just(Call::SetPassword),
        2 => Just(Call::RevokeAll),
        16 => seconds.prop_map(Call::TimePasses),
    ];
    prop::collection::vec(call, 2..12)
}

/// A session of the model.
#[derive(Debug)]
struct Session {
    id: Uuid,
    /// All responses, in order: each contains a token.
    answers: Vec<Pair>,
    /// The live one, when it was issued, and when it expires.
    live: usize,
    given_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    /// The predecessor of the live one, and when it would have expired.
    spent: Option<(usize, OffsetDateTime)>,
    /// Whether the live one replaced one that was lost.
    is_second: bool,
    limit: OffsetDateTime,
    over: bool,
}

/// The result of a refresh according to the model.
#[derive(Debug, PartialEq)]
enum Expected {
    Next { lost: bool },
    Same,
    Expired,
    Revoked,
    Reused,
}

impl Session {
    fn opened(pair: Pair, now: OffsetDateTime) -> Self {
        Self {
            id: pair.session_id,
            answers: vec![pair],
            live: 0,
            given_at: now,
            expires_at: now + TTL,
            spent: None,
            is_second: false,
            limit: now + SESSION_MAX,
            over: false,
        }
    }

    fn is_open(&self, now: OffsetDateTime) -> bool {
        !self.over && self.expires_at > now
    }

    fn expected(&self, token: usize, now: OffsetDateTime) -> Expected {
        if self.over {
            return Expected::Revoked;
        }
        match self.spent {
            _ if token == self.live && self.expires_at <= now => Expected::Expired,
            _ if token == self.live => Expected::Next { lost: false },
            Some((spent, _)) if token == spent && self.expires_at <= now => Expected::Expired,
            Some((spent, _)) if token == spent && now - self.given_at < GRACE => Expected::Same,
            Some((spent, worked_until)) if token == spent && !self.is_second && now < worked_until => {
                Expected::Next { lost: true }
            }
            _ => Expected::Reused,
        }
    }

    fn give(&mut self, token: usize, pair: Pair, lost: bool, now: OffsetDateTime) {
        if !lost {
            self.spent = Some((token, self.expires_at));
        }
        self.answers.push(pair);
        self.live = self.answers.len() - 1;
        self.given_at = now;
        self.expires_at = self.limit.min(now + TTL);
        self.is_second = lost;
    }
}

/// The sessions of one user, in the services and in the model.
struct Life<'a> {
    services: &'a Services,
    user_id: Uuid,
    name: String,
    password: &'static str,
    now: OffsetDateTime,
    sessions: Vec<Session>,
}

impl Life<'_> {
    /// Counted from the newest; none when there are not so many.
    fn session(&self, back: usize) -> Option<usize> {
        self.sessions.len().checked_sub(back + 1)
    }

    fn of(&self, session: usize) -> SessionOf {
        SessionOf {
            user_id: self.user_id,
            session_id: self.sessions[session].id,
        }
    }

    async fn call(&mut self, call: &Call) -> Result<(), String> {
        let (accounts, origin, now) = (&self.services.accounts, Origin::default(), self.now);
        match call {
            Call::TimePasses(seconds) => self.now += Duration::from_secs(*seconds),
            Call::Login => {
                let pair = self.services.try_login(&self.name, self.password, now).await;
                self.sessions
                    .push(Session::opened(pair.map_err(|error| error.to_string())?, now));
            }
            Call::LoginWithAWrongPassword => {
                if self.services.try_login(&self.name, "wrong", now).await.is_ok() {
                    return Err("a wrong password signed in".into());
                }
            }
            Call::Refresh { session, back } => {
                let Some(session) = self.session(*session) else {
                    return Ok(());
                };
                let Some(token) = self.sessions[session].answers.len().checked_sub(back + 1) else {
                    return Ok(());
                };
                self.refresh(session, token).await?;
            }
            Call::Logout { session, scope } => {
                let Some(session) = self.session(*session) else {
                    return Ok(());
                };
                accounts
                    .sessions
                    .logout(self.of(session), *scope, &origin, now)
                    .await
                    .map_err(|error| error.to_string())?;
                // A session that has ended does not end others.
                let scope = if self.sessions[session].is_open(now) {
                    *scope
                } else {
                    Scope::This
                };
                for (index, other) in self.sessions.iter_mut().enumerate() {
                    other.over |= match scope {
                        Scope::This => index == session,
                        Scope::Others => index != session,
                        Scope::All => true,
                    };
                }
            }
            Call::EndSession { by, session } => {
                let (Some(by), Some(session)) = (self.session(*by), self.session(*session)) else {
                    return Ok(());
                };
                let id = self.sessions[session].id;
                let ended = accounts.sessions.end_one(self.of(by), id, &origin, now).await;
                let ended = ended.map_err(|error| error.to_string())?;
                let ended_in_the_model = !std::mem::replace(&mut self.sessions[session].over, true);
                if ended != ended_in_the_model {
                    return Err(format!("end_session: {ended}, the model: {ended_in_the_model}"));
                }
            }
            Call::SetPassword => {
                self.password = if self.password == PASSWORD {
                    OTHER_PASSWORD
                } else {
                    PASSWORD
                };
                let user = accounts.directory.user(self.user_id).await.unwrap().unwrap();
                accounts
                    .operator
                    .accounts
                    .set_password(&user, &Secret::new(self.password), &Operator::command_line(), now)
                    .await
                    .map_err(|error| error.to_string())?;
                self.sessions.iter_mut().for_each(|session| session.over = true);
            }
            Call::RevokeAll => {
                let user = accounts.directory.user(self.user_id).await.unwrap().unwrap();
                accounts
                    .operator
                    .sessions
                    .revoke_all(&user, &Operator::command_line(), now)
                    .await
                    .map_err(|error| error.to_string())?;
                self.sessions.iter_mut().for_each(|session| session.over = true);
            }
        }
        Ok(())
    }

    async fn refresh(&mut self, session: usize, token: usize) -> Result<(), String> {
        let now = self.now;
        let session = &mut self.sessions[session];
        let expected = session.expected(token, now);
        let answer = self.services.refresh(&session.answers[token].refresh_token, now).await;
        let got = match &answer {
            Ok(pair) if *pair == session.answers[session.live] => Expected::Same,
            Ok(_) => Expected::Next {
                lost: expected == Expected::Next { lost: true },
            },
            Err(RefreshError::Expired) => Expected::Expired,
            Err(RefreshError::Revoked) => Expected::Revoked,
            Err(RefreshError::Reused) => Expected::Reused,
            Err(error) => return Err(error.to_string()),
        };
        if got != expected {
            return Err(format!("refresh: {got:?}, the model: {expected:?} of {session:?}"));
        }
        match (expected, answer) {
            (Expected::Next { lost }, Ok(pair)) => session.give(token, pair, lost, now),
            (Expected::Reused, _) => session.over = true,
            _ => {}
        }
        Ok(())
    }

    /// The open sessions are those of the model, and each of them has one live token.
    async fn compare(&self) -> Result<(), String> {
        let open = self.services.accounts.sessions.list(self.user_id, self.now).await;
        let mut open = open
            .unwrap()
            .iter()
            .map(|session| session.session_id)
            .collect::<Vec<_>>();
        let modelled = self.sessions.iter().filter(|session| session.is_open(self.now));
        let mut modelled = modelled.map(|session| session.id).collect::<Vec<_>>();
        open.sort_unstable();
        modelled.sort_unstable();
        // A session with two live tokens would be listed twice.
        if open == modelled {
            Ok(())
        } else {
            Err(format!("open: {open:?}, the model: {modelled:?}"))
        }
    }
}

async fn live_through(services: &Services, calls: &[Call]) -> Result<(), String> {
    let user_id = Uuid::new_v4();
    let name = user_id.to_string();
    let create = "INSERT INTO users (id, email, username, password_hash)
                  SELECT $1, $2 || '@example.com', $2, password_hash FROM users WHERE username = 'template'";
    services.database.raw.execute(create, &[&user_id, &name]).await.unwrap();
    let mut life = Life {
        services,
        user_id,
        name,
        password: PASSWORD,
        now: NOW,
        sessions: Vec::new(),
    };
    for (index, call) in calls.iter().enumerate() {
        life.call(call)
            .await
            .map_err(|error| format!("call {index}: {error}"))?;
        life.compare()
            .await
            .map_err(|error| format!("after call {index}: {error}"))?;
    }
    Ok(())
}

#[test]
fn ten_thousand_sequences_of_calls_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let services = runtime.block_on(async {
        let services = Services::with(|settings| {
            settings.refresh_token.ttl = TTL;
            settings.refresh_token.session_max = SESSION_MAX;
            settings.refresh_token.reuse_grace = GRACE;
            settings.lockout.attempts = 1000;
        })
        .await;
        services.user("template").await;
        services
    });
    // The same sequences every time: what fails here fails everywhere.
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = calls();
    let trees = (0..SEQUENCES)
        .map(|_| strategy.new_tree(&mut runner).unwrap())
        .collect::<Vec<_>>();
    let failed = runtime.block_on(async {
        let mut lives = futures::stream::iter(trees.into_iter().map(|tree| {
            let services = &services;
            async move {
                let outcome = live_through(services, &tree.current()).await;
                outcome.err().map(|error| (tree, error))
            }
        }))
        .buffer_unordered(12);
        let mut failed = None;
        while let Some(tree) = lives.next().await {
            failed = failed.or(tree);
        }
        failed
    });
    let Some((mut tree, first)) = failed else {
        runtime.block_on(async move { drop(services) });
        return;
    };
    // Report the shortest sequence that still fails.
    let mut smaller = tree.simplify();
    while smaller {
        let fails = runtime.block_on(live_through(&services, &tree.current())).is_err();
        smaller = if fails { tree.simplify() } else { tree.complicate() };
    }
    let calls = tree.current();
    let error = runtime.block_on(live_through(&services, &calls));
    runtime.block_on(async move { drop(services) });
    panic!("{first:?}; in its shortest form {error:?} in {calls:#?}");
}
