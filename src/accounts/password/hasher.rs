//! Hashes passwords on threads of its own.
//!
//! One bcrypt hash of cost 12 occupies a core for a third of a second, one argon2id hash 19 MiB. On the threads that
//! proxy requests, a hundred wrong passwords would stop all proxying for half a minute. So hashing has few threads, at
//! low priority, behind a short queue: when it is full the response is 503 at once, and a job whose caller has left is
//! skipped. The number of threads also limits the memory: that number times `auth.password.memory`.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::accounts::password::breached::Breached;
use crate::accounts::password::rules::{self, Weakness};
use crate::accounts::password::scheme::{Scheme, Verified};
use crate::accounts::settings;
use crate::metrics::Metrics;
use crate::secret::Secret;

/// The nice value of the hashing threads: with other work to do, the scheduler gives them about a tenth of a core.
const NICE: i32 = 15;

/// Why hashing failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full, or the job waited too long. A later retry may succeed.
    #[error("the password hashing queue is full")]
    Overloaded,
    /// The stored hash or the settings are invalid; the text says why, and contains neither password nor hash.
    #[error("{0}")]
    Broken(String),
}

/// The pool of hashing threads. They end when it is dropped; queued jobs are not executed then.
pub struct Hasher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    dummy: String,
    scheme: Scheme,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    capacity: usize,
    wait: Duration,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    stopping: bool,
}

struct Job {
    work: Work,
    queued: Instant,
    reply: oneshot::Sender<Result<Done, HashError>>,
}

enum Work {
    Hash {
        password: Secret,
        scheme: Scheme,
    },
    Verify {
        password: Secret,
        hash: String,
        scheme: Scheme,
    },
    Judge {
        password: Secret,
        words: Vec<String>,
        breached: Option<Breached>,
    },
    #[cfg(test)]
    Panic,
}

enum Done {
    Hashed(String),
    Verified(Verified),
    Judged(Option<Weakness>),
}

/// The answer to a job of another kind, which would be a defect of this file.
const WRONG_ANSWER: &str = "a hashing thread answered another question";

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(settings: &settings::Password, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            capacity: settings.queue,
            wait: settings.wait,
            metrics,
        });
        let threads = (0..settings.workers.max(1))
            .map(|index| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("hash-{index}"))
                    .spawn(move || shared.work())
            })
            .collect::<std::io::Result<_>>()?;
        let scheme = Scheme::of(settings);
        Ok(Self {
            shared,
            threads,
            dummy: scheme.dummy(),
            scheme,
        })
    }

    /// Hashes a password that [`super::new_password::check`] accepted: neither too long nor empty.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub async fn hash(&self, password: &Secret) -> Result<String, HashError> {
        match self
            .submit(Work::Hash {
                password: password.clone(),
                scheme: self.scheme,
            })
            .await?
        {
            Done::Hashed(hash) => Ok(hash),
            Done::Verified(_) | Done::Judged(_) => Err(HashError::Broken(WRONG_ANSWER.to_owned())),
        }
    }

    /// Verifies a password with a stored hash. Without one (no such account, or one without a password) it does the
    /// same work and returns false.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] if the queue is full; [`HashError::Broken`] if the hash is malformed.
    pub async fn verify(&self, password: &Secret, hash: Option<&str>) -> Result<Verified, HashError> {
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        match self
            .submit(Work::Verify {
                password: password.clone(),
                hash,
                scheme: self.scheme,
            })
            .await?
        {
            Done::Verified(verified) => Ok(verified),
            Done::Hashed(_) | Done::Judged(_) => Err(HashError::Broken(WRONG_ANSWER.to_owned())),
        }
    }

    /// Whether a new password is easy to guess for somebody who knows the `words`, or in the list of passwords from
    /// breaches.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub(crate) async fn weakness(
        &self,
        password: &Secret,
        words: Vec<String>,
        breached: Option<Breached>,
    ) -> Result<Option<Weakness>, HashError> {
        let password = password.clone();
        let judge = Work::Judge {
            password,
            words,
            breached,
        };
        match self.submit(judge).await? {
            Done::Judged(weakness) => Ok(weakness),
            Done::Hashed(_) | Done::Verified(_) => Err(HashError::Broken(WRONG_ANSWER.to_owned())),
        }
    }

    async fn submit(&self, work: Work) -> Result<Done, HashError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(Job {
            work,
            queued: Instant::now(),
            reply,
        })?;
        // A worker that panicked drops the sender.
        answer
            .await
            .unwrap_or_else(|_| Err(HashError::Broken("a hashing thread failed".to_owned())))
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of a worker was logged already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and a queue of complete jobs would still be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), HashError> {
        let mut state = self.lock();
        if state.jobs.len() >= self.capacity {
            // Jobs whose callers have gone are removed first, because they would only be skipped.
            state.jobs.retain(|job| !job.reply.is_closed());
        }
        if state.jobs.len() >= self.capacity {
            self.metrics
                .password_hash_rejected
                .with_label_values(&["queue_full"])
                .inc();
            return Err(HashError::Overloaded);
        }
        state.jobs.push_back(job);
        self.note_length(&state);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        // Without permission to set it, the thread runs at normal priority.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::warn!(%error, "password hashing runs at normal priority");
        }
        while let Some(job) = self.next() {
            let waited = job.queued.elapsed();
            self.metrics.password_hash_queue_wait.observe(waited.as_secs_f64());
            if job.reply.is_closed() {
                continue;
            }
            if waited > self.wait {
                self.metrics
                    .password_hash_rejected
                    .with_label_values(&["timeout"])
                    .inc();
                let _ = job.reply.send(Err(HashError::Overloaded));
                continue;
            }
            let started = Instant::now();
            // Caught: otherwise the panic would end the thread, and after as many as there are threads, nobody could
            // sign in. The hook has logged it; the caller gets an error, because its sender is dropped.
            let Ok((algorithm, op, result)) = catch_unwind(AssertUnwindSafe(|| job.work.run())) else {
                continue;
            };
            self.metrics
                .password_hash_duration
                .with_label_values(&[algorithm, op])
                .observe(started.elapsed().as_secs_f64());
            // The caller may be gone.
            let _ = job.reply.send(result);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                self.note_length(&state);
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note_length(&self, state: &State) {
        self.metrics
            .password_hash_queue_length
            .set(i64::try_from(state.jobs.len()).unwrap_or(i64::MAX));
    }
}

impl Work {
    /// The result of a job, with algorithm and operation for the metrics.
    fn run(self) -> (&'static str, &'static str, Result<Done, HashError>) {
        match self {
            Self::Hash { password, scheme } => {
                let hashed = scheme.hash(password.expose());
                (
                    scheme.as_str(),
                    "hash",
                    hashed.map(Done::Hashed).map_err(HashError::Broken),
                )
            }
            Self::Verify { password, hash, scheme } => {
                let (algorithm, verified) = scheme.verify(password.expose(), &hash);
                (
                    algorithm,
                    "verify",
                    verified.map(Done::Verified).map_err(HashError::Broken),
                )
            }
            Self::Judge {
                password,
                words,
                breached,
            } => {
                let weakness = rules::weakness(password.expose(), &words, breached.as_ref());
                ("zxcvbn", "guess", Ok(Done::Judged(weakness)))
            }
            #[cfg(test)]
            Self::Panic => panic!("as a test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(workers: usize, queue: usize) -> settings::Password {
        settings::Password {
            cost: 4,
            workers,
            queue,
            ..settings::Password::default()
        }
    }

    fn hasher(settings: &settings::Password) -> (Hasher, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        (Hasher::start(settings, Arc::clone(&metrics)).unwrap(), metrics)
    }

    #[tokio::test]
    async fn a_password_is_hashed_and_verified_off_the_runtime() {
        let (hasher, metrics) = hasher(&settings(2, 8));
        let password = Secret::new("correct horse");
        let hash = hasher.hash(&password).await.unwrap();
        assert!(hasher.verify(&password, Some(&hash)).await.unwrap().matches);
        assert!(!hasher.verify(&Secret::new("wrong"), Some(&hash)).await.unwrap().matches);
        assert!(
            !hasher.verify(&password, None).await.unwrap().matches,
            "no account, no match"
        );
        assert_eq!(metrics.password_hash_queue_wait.get_sample_count(), 4);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_abandoned_jobs_make_room() {
        // Cost 10 keeps the only worker busy for long enough.
        let (hasher, metrics) = hasher(&settings::Password {
            cost: 10,
            ..settings(1, 2)
        });
        let password = Secret::new("correct horse");
        // The first goes to the worker, two wait; all three callers leave.
        let mut first = Box::pin(hasher.verify(&password, None));
        assert!(tokio::time::timeout(Duration::ZERO, &mut first).await.is_err());
        while !hasher.shared.state.lock().unwrap().jobs.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(first);
        for _ in 0..2 {
            let waits = hasher.verify(&password, None);
            assert!(tokio::time::timeout(Duration::ZERO, Box::pin(waits)).await.is_err());
        }
        let waiting = futures::future::join_all((0..3).map(|_| hasher.verify(&password, None))).await;
        assert_eq!(
            waiting
                .iter()
                .filter(|answer| **answer == Err(HashError::Overloaded))
                .count(),
            1,
            "{waiting:?}"
        );
        assert_eq!(
            metrics.password_hash_rejected.with_label_values(&["queue_full"]).get(),
            1
        );
    }

    #[tokio::test]
    async fn a_thread_survives_a_panic() {
        let (hasher, _) = hasher(&settings(1, 8));
        for _ in 0..3 {
            let failed = hasher.submit(Work::Panic).await;
            assert!(matches!(failed, Err(HashError::Broken(_))));
        }
        assert!(hasher.hash(&Secret::new("correct horse")).await.is_ok());
    }

    #[tokio::test]
    async fn a_password_is_guessed_at_off_the_runtime() {
        let (hasher, metrics) = hasher(&settings(1, 8));
        let guess = async |password: &str| {
            let judged = hasher.weakness(&Secret::new(password), Vec::new(), None).await;
            judged.unwrap() == Some(Weakness::Guessable)
        };
        assert!(guess("sunshine1").await);
        assert!(!guess("correct horse battery staple").await);
        assert_eq!(metrics.password_hash_queue_wait.get_sample_count(), 2);
    }

    #[tokio::test]
    async fn a_job_that_waited_too_long_is_shed() {
        let (hasher, metrics) = hasher(&settings::Password {
            cost: 10,
            wait: Duration::from_millis(1),
            ..settings(1, 9)
        });
        let password = Secret::new("correct horse");
        let answers = futures::future::join_all((0..3).map(|_| hasher.verify(&password, None))).await;
        assert_eq!(answers.last(), Some(&Err(HashError::Overloaded)));
        assert!(metrics.password_hash_rejected.with_label_values(&["timeout"]).get() >= 1);
    }

    #[tokio::test]
    async fn time_is_measured_by_the_algorithm_that_took_it() {
        let (hasher, metrics) = hasher(&settings::Password {
            hash: settings::PasswordHash::Argon2id,
            argon2: super::super::Cost {
                memory_kib: 16,
                iterations: 1,
                parallelism: 1,
            },
            ..settings(1, 8)
        });
        let password = Secret::new("correct horse");
        let hash = hasher.hash(&password).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let old = ::bcrypt::hash("correct horse", 4).unwrap();
        let verified = hasher.verify(&password, Some(&old)).await.unwrap();
        assert!(verified.matches && verified.outdated);
        assert!(!hasher.verify(&password, None).await.unwrap().matches);
        let count = |labels: &[&str]| {
            metrics
                .password_hash_duration
                .with_label_values(labels)
                .get_sample_count()
        };
        assert_eq!(count(&["argon2id", "hash"]), 1);
        assert_eq!(count(&["argon2id", "verify"]), 1, "nobody's hash is of today's make");
        assert_eq!(count(&["bcrypt", "verify"]), 1);
    }

    #[test]
    fn dropping_the_pool_ends_its_threads() {
        let (hasher, _) = hasher(&settings(2, 8));
        let shared = Arc::downgrade(&hasher.shared);
        drop(hasher);
        assert!(shared.upgrade().is_none());
    }
}
