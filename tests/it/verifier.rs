//! An instance that verifies the tokens of others: no accounts, no PostgreSQL, no private key.

mod hostile;
mod lag;
mod lifecycle;
mod publisher;
mod together;
