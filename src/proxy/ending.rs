//! Makes requests endable from outside: each runs inside its [`Ending`].

use std::sync::Arc;

use async_trait::async_trait;
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream},
    protocols::http::{ServerSession, v2::server::H2Options},
    server::ShutdownWatch,
};

use crate::gate::revocation::Ending;

tokio::task_local! {
    /// The ending of the request that this task serves. Pingora has no other way to pass a value to an HTTP/2 request.
    static ENDING: Arc<Ending>;
}

/// Pingora's proxy, with endable requests.
pub struct EndingProxy<P>(pub Arc<P>);

impl<P: HttpServerApp + Send + Sync + 'static> EndingProxy<P> {
    /// Serves one request.
    pub(super) async fn serve(&self, session: ServerSession, shutdown: &ShutdownWatch) -> Option<ReusedHttpStream> {
        let ending = Arc::<Ending>::default();
        let request = ENDING.scope(Arc::clone(&ending), self.0.process_new_http(session, shutdown));
        ending.or(request).await.flatten()
    }
}

#[async_trait]
impl<P: HttpServerApp + Send + Sync + 'static> HttpServerApp for EndingProxy<P> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.serve(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.0.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.0.server_options()
    }

    async fn http_cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

/// The ending of the current request.
pub(super) fn current() -> Arc<Ending> {
    ENDING.try_with(Arc::clone).unwrap_or_default()
}
