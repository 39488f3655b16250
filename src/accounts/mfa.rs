//! Second factors: an authenticator (TOTP), recovery codes, codes by email.

pub mod by_email;
pub mod enrolment;
pub mod error;
pub mod factors;
pub mod method;
pub mod operator;
pub mod recovery;
pub mod second_step;
pub mod status;
pub mod step_up;
pub mod token;
pub mod totp;
pub mod verdict;
