use crate::secret::Secret;

/// One of `auth.clients`: a service that can introspect and revoke tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: Secret,
}
