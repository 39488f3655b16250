//! Background work that the process cannot do without.
//!
//! A task that panics is gone, and nothing else shows it: an instance whose view of revocations is no longer updated
//! would go on serving. So its panic ends the process, and whatever supervises that starts a new one.

use std::{future::Future, sync::Arc};

use tokio::{runtime::Handle, task::JoinHandle};

use super::Shared;

/// Runs `work` on `runtime`; its panic ends the process. That it ends is not an error: the shutdown ends it, and some
/// work has nothing to do under some configurations.
pub(super) fn spawn(
    runtime: &Handle,
    shared: &Arc<Shared>,
    name: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let shared = Arc::clone(shared);
    watched(runtime, work, move || {
        shared.fatal(&format!(
            "the background task for {name} panicked, and the process cannot go on without it"
        ))
    });
}

fn watched(
    runtime: &Handle,
    work: impl Future<Output = ()> + Send + 'static,
    on_panic: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    let task = runtime.spawn(work);
    runtime.spawn(async move {
        if task.await.is_err_and(|error| error.is_panic()) {
            on_panic();
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    async fn reported(work: impl Future<Output = ()> + Send + 'static) -> bool {
        let called = Arc::<AtomicBool>::default();
        let told = Arc::clone(&called);
        watched(&Handle::current(), work, move || told.store(true, Ordering::Relaxed))
            .await
            .unwrap();
        called.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_an_ordinary_end_is_not() {
        assert!(reported(async { panic!("as a test") }).await);
        assert!(!reported(async {}).await);
    }
}
