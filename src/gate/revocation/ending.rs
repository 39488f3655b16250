//! Ends a request that is in progress.
//!
//! Pingora has no hook while it copies data: a silent WebSocket would outlive its session for hours. So each request
//! runs inside [`Ending::or`], which drops it, and with it its sockets (on HTTP/2 its stream), when it has to end.

use std::{
    pin::{Pin, pin},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use futures::task::AtomicWaker;

/// The switch that ends a request. Until [`Self::arm`] it costs one atomic load per poll.
#[derive(Debug, Default)]
pub struct Ending {
    armed: AtomicBool,
    reason: OnceLock<Reason>,
    deadline: OnceLock<Instant>,
    waker: AtomicWaker,
}

/// Why a request was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The token or its session was revoked, or the user's permissions changed.
    Revoked,
    /// The token expired.
    Expired,
}

impl Ending {
    /// From now on the request can be ended. Must be called from within the request.
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::Release);
    }

    /// Ends the request at a time. Only the first call has an effect.
    pub fn at(&self, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
        self.arm();
    }

    /// Ends the request now.
    pub(super) fn revoked(&self) {
        self.end(Reason::Revoked);
    }

    fn end(&self, reason: Reason) {
        self.reason.get_or_init(|| reason);
        self.waker.wake();
    }

    /// Why the request was ended; `None` if it was not.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }

    /// Runs a request until it has finished, or until it is ended, which is `None`.
    pub async fn or<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let mut request = pin!(request);
        let mut timer = None;
        std::future::poll_fn(|cx| match request.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Only the request itself arms the switch, so this check cannot miss it.
            Poll::Pending if self.armed.load(Ordering::Acquire) && self.poll_over(&mut timer, cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    fn poll_over(&self, timer: &mut Option<Pin<Box<tokio::time::Sleep>>>, cx: &mut Context<'_>) -> bool {
        self.waker.register(cx.waker());
        if let Some(deadline) = self.deadline.get() {
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until((*deadline).into())));
            if timer.as_mut().poll(cx).is_ready() {
                self.end(Reason::Expired);
            }
        }
        self.reason().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_request_that_nobody_ends_ends_by_itself() {
        assert_eq!(Ending::default().or(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn a_silent_request_can_be_ended() {
        let ending = Arc::new(Ending::default());
        let (told, request) = (Arc::clone(&ending), Arc::clone(&ending));
        let (ready, waiting) = tokio::sync::oneshot::channel();
        let running = tokio::spawn(async move {
            let work = async {
                request.arm();
                ready.send(()).unwrap();
                pending::<()>().await;
            };
            ending.or(work).await
        });
        waiting.await.unwrap();
        assert_eq!(told.reason(), None);
        told.revoked();
        assert_eq!(running.await.unwrap(), None);
        assert_eq!(told.reason(), Some(Reason::Revoked));
    }

    #[tokio::test]
    async fn a_silent_request_ends_at_its_deadline() {
        let ending = Ending::default();
        let work = async {
            ending.at(Instant::now() + Duration::from_millis(5));
            pending::<()>().await;
        };
        assert_eq!(ending.or(work).await, None);
        assert_eq!(ending.reason(), Some(Reason::Expired));
    }
}
