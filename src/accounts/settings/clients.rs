use crate::secret::Secret;

/// One of `auth.clients`: a service that may ask about tokens, and revoke them.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name.
    pub id: String,
    /// How it proves it.
    pub secret: Secret,
}
