use std::collections::VecDeque;

use time::macros::datetime;

use super::*;

const START: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const MINUTE: Duration = Duration::from_secs(60);

/// The algorithm of the script in Redis, and the exact reference: a log of every permit.
#[derive(Default)]
struct Log(VecDeque<OffsetDateTime>);

impl Log {
    fn take(&mut self, limit: u32, window: Duration, most: u32, now: OffsetDateTime) -> Drawn {
        while self.0.front().is_some_and(|taken| *taken + window <= now) {
            self.0.pop_front();
        }
        let free = limit - u32::try_from(self.0.len()).unwrap();
        let taken = most.min(free);
        self.0.extend((0..taken).map(|_| now));
        let reset = if taken > 0 {
            window
        } else {
            until(self.0[0] + window, now)
        };
        Drawn {
            taken,
            remaining: free - taken,
            reset,
        }
    }
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The results of one run of the model.
#[derive(Debug, Default)]
struct Outcome {
    /// The largest excess over the limit in any window.
    overshoot: u32,
    requests: u32,
    calls: u32,
    /// The decisions that differ from the reference.
    passed_wrongly: u32,
    refused_wrongly: u32,
}

/// `instances` share a limit; requests arrive in bursts and pauses, each at a random instance.
fn run(seed: u64, limit: u32, window: Duration, instances: usize, requests: u32) -> Outcome {
    let mut random = Random(seed);
    let mut redis = Log::default();
    let mut reference = Log::default();
    let mut leases: Vec<Lease> = (0..instances).map(|_| Lease::default()).collect();
    let mut passed: VecDeque<OffsetDateTime> = VecDeque::new();
    let mut outcome = Outcome {
        requests,
        ..Outcome::default()
    };
    let mut now = START;
    let mean = u64::try_from(window.as_micros()).unwrap() / u64::from(limit);
    let mut pace = 1;
    for _ in 0..requests {
        if random.below(limit.into()) == 0 {
            // From a tenth of the limit to ten times as much, and now and then none.
            pace = [mean / 10, mean / 2, mean, mean * 2, mean * 10][usize::try_from(random.below(5)).unwrap()];
            now += window.mul_f64([0.0, 0.3, 1.0][usize::try_from(random.below(3)).unwrap()]);
        }
        now += Duration::from_micros(random.below(2 * pace.max(1)));
        let lease = &mut leases[usize::try_from(random.below(instances as u64)).unwrap()];
        let spent = lease.spend(now).unwrap_or_else(|| {
            outcome.calls += 1;
            let drawn = redis.take(limit, window, lease.batch(limit, now), now);
            lease.drew(drawn, window, now)
        });
        let exact = reference.take(limit, window, 1, now).taken == 1;
        outcome.passed_wrongly += u32::from(spent.allowed && !exact);
        outcome.refused_wrongly += u32::from(!spent.allowed && exact);
        if spent.allowed {
            passed.push_back(now);
            while passed[0] + window <= now {
                passed.pop_front();
            }
            let over = u32::try_from(passed.len()).unwrap().saturating_sub(limit);
            outcome.overshoot = outcome.overshoot.max(over);
        }
    }
    outcome
}

#[test]
fn a_small_limit_is_exact_on_any_number_of_instances() {
    for seed in 0..20 {
        for instances in [1, 3] {
            let outcome = run(seed, 39, MINUTE, instances, 2_000);
            let wrong = (outcome.overshoot, outcome.passed_wrongly, outcome.refused_wrongly);
            assert_eq!(wrong, (0, 0, 0), "seed {seed}, {instances} instances");
        }
    }
}

#[test]
fn the_overshoot_over_random_arrivals_stays_below_a_batch_per_instance() {
    for (limit, instances) in [(40, 1), (40, 3), (100, 1), (100, 2), (600, 1), (600, 3), (5_000, 2)] {
        let mut worst = Outcome::default();
        for seed in 0..20 {
            let outcome = run(seed, limit, MINUTE, instances, (20 * limit).min(10_000));
            let bound = largest_batch(limit) * u32::try_from(instances).unwrap();
            assert!(outcome.overshoot < bound, "seed {seed}: {outcome:?} is beyond {bound}");
            worst.overshoot = worst.overshoot.max(outcome.overshoot);
            worst.requests += outcome.requests;
            worst.calls += outcome.calls;
            worst.passed_wrongly += outcome.passed_wrongly;
            worst.refused_wrongly += outcome.refused_wrongly;
        }
        println!(
            "limit {limit}, {instances} instances: overshoot at most {}, of {} requests {} asked Redis, {} passed and {} were \
             refused that an exact log would have judged otherwise",
            worst.overshoot, worst.requests, worst.calls, worst.passed_wrongly, worst.refused_wrongly
        );
    }
}

#[test]
fn a_busy_key_asks_redis_once_in_twenty_requests() {
    let (mut lease, mut redis, mut calls) = (Lease::default(), Log::default(), 0);
    for request in 0..1_000 {
        let now = START + Duration::from_millis(request);
        let spent = lease.spend(now).unwrap_or_else(|| {
            calls += 1;
            let drawn = redis.take(1_000, MINUTE, lease.batch(1_000, now), now);
            lease.drew(drawn, MINUTE, now)
        });
        assert!(spent.allowed);
        assert_eq!(
            spent.remaining,
            999 - u32::try_from(request).unwrap(),
            "the rest is reported to the permit"
        );
    }
    assert!(calls <= 50, "{calls}");
}

#[test]
fn a_flood_is_refused_from_memory_until_a_permit_can_be_free() {
    let (mut lease, mut redis) = (Lease::default(), Log::default());
    let mut draw = |lease: &mut Lease, now| lease.drew(redis.take(1, MINUTE, 1, now), MINUTE, now);
    assert!(draw(&mut lease, START).allowed);
    assert_eq!(lease.spend(START), None);
    assert!(!draw(&mut lease, START + MINUTE / 2).allowed);
    for millisecond in 1..30_000 {
        let now = START + MINUTE / 2 + Duration::from_millis(millisecond);
        let refused = lease.spend(now).unwrap();
        assert!(!refused.allowed && now + refused.reset == START + MINUTE);
    }
    assert_eq!(lease.spend(START + MINUTE), None, "the refusal has ended");
    assert!(draw(&mut lease, START + MINUTE).allowed);
}

#[test]
fn a_lease_shrinks_to_the_permits_that_were_used() {
    let (mut lease, mut now) = (Lease::default(), START);
    for expected in [1, 5, 25, 50, 50] {
        let batch = lease.batch(1_000, now);
        assert_eq!(batch, expected);
        let drawn = Drawn {
            taken: batch,
            remaining: 100,
            reset: MINUTE,
        };
        lease.drew(drawn, MINUTE, now);
        while lease.spend(now).is_some() {}
    }
    let batch = lease.batch(1_000, now);
    lease.drew(
        Drawn {
            taken: batch,
            remaining: 100,
            reset: MINUTE,
        },
        MINUTE,
        now,
    );
    assert!(lease.spend(now).is_some());
    now += MINUTE;
    assert_eq!(lease.spend(now), None, "permits end with their window");
    assert_eq!(lease.batch(1_000, now), 2);
}
