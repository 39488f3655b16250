//! The time of a sign-in does not reveal whether there is an account, or whether it is locked.

use super::{compare, people, with_password};
use crate::support::TestSidecar;

/// The hash costs a sixteenth of the usual one, so that differences of other steps are visible. A wrong password
/// updates the account's row, which takes a fraction of a millisecond that an unknown name does not take.
#[tokio::test]
#[ignore = "measures time: make test runs it alone"]
async fn an_unknown_name_a_wrong_password_and_a_locked_account_take_the_same_time() {
    let sidecar = TestSidecar::new()
        .config("auth: { password: { cost: 8 } }")
        .start()
        .await;
    people(&sidecar, "wrong", "NULL").await;
    people(&sidecar, "locked", "timestamptz '9999-12-31 00:00:00+00'").await;
    let kinds = ["unknown", "wrong", "locked"];
    compare(&sidecar, "login", &kinds, 401, |kind, number| {
        // The locked account with the right password: that the result is ignored must not be visible either.
        let password = (kind != "locked").then_some("quarrel-lantern-71-ospray");
        let body = with_password(&format!("{kind}{number}@example.com"), password);
        sidecar.post("/auth/login").json(&body)
    })
    .await;
}
