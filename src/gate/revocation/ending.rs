//! How a request that is already under way comes to its end.
//!
//! Pingora asks nobody while it copies: a WebSocket that is silent would outlive its session for hours. So each request
//! runs inside [`Ending::or`], which drops it, and with it its sockets (on HTTP/2: its stream), as soon as it is told to.

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

/// The end of one request. Until [`Self::arm`] it costs a look at one flag each time the request moves.
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
    /// The token, its session or the rights in it were revoked.
    Revoked,
    /// The token expired.
    Expired,
}

impl Ending {
    /// From now on it can be ended. To be called from within the request itself.
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::Release);
    }

    /// Ends it at an instant. The first call counts.
    pub fn at(&self, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
        self.arm();
    }

    /// Ends it now.
    pub(super) fn revoked(&self) {
        self.end(Reason::Revoked);
    }

    fn end(&self, reason: Reason) {
        self.reason.get_or_init(|| reason);
        self.waker.wake();
    }

    /// Why it was ended; `None`: it was not.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }

    /// Runs a request to its own end or to this one, which is `None`.
    pub async fn or<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let mut request = pin!(request);
        let mut timer = None;
        std::future::poll_fn(|cx| match request.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Only the request itself arms its ending, so this cannot be missed.
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
    async fn a_silent_request_ends_when_it_is_told_to() {
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
