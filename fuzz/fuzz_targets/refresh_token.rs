//! Nobody makes a refresh token without the key: arbitrary text, and genuine tokens with changes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sidegate::accounts::sessions::refresh_token;
use sidegate::keys::Secrets;
use sidegate::secret::Key32;
use uuid::Uuid;

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets::new(&Key32::new([7; 32]), []).expect("one key"));

fuzz_target!(|data: (&str, u8, u8)| {
    let (text, at, with) = data;
    assert_eq!(refresh_token::read(&SECRETS, text), None);

    let genuine = refresh_token::make(&SECRETS, Uuid::from_u128(1), 1);
    let mut changed = genuine.text.expose().as_bytes().to_vec();
    assert!(refresh_token::read(&SECRETS, genuine.text.expose()).is_some());
    let at = usize::from(at) % changed.len();
    let before = std::mem::replace(&mut changed[at], with);
    if let Ok(changed) = std::str::from_utf8(&changed) {
        assert_eq!(refresh_token::read(&SECRETS, changed).is_some(), with == before, "{changed}");
    }
});
