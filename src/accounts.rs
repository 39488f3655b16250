//! What the `/auth` endpoints and the command line share: passwords, tokens, sessions.

pub mod names;
pub mod password;
pub mod settings;
pub mod tokens;

pub use settings::Settings;
