//! The domain of an email address in DNS form: `bücher.example` is `xn--bcher-kva.example`, so that both are one
//! account.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::accounts::email::names::{NameError, scripts};

/// The ASCII form (UTS #46).
pub(crate) fn canonical(domain: &str) -> Result<String, NameError> {
    let uts46 = Uts46::new();
    let ascii = uts46
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| NameError::NotAnAddress)?;
    // An IP address is not the domain of anybody's mailbox.
    let last = ascii.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameError::NotAnAddress);
    }
    let (shown, valid) = uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    if valid.is_err() {
        return Err(NameError::NotAnAddress);
    }
    // Label by label: a Greek name under .com does not mix scripts.
    if shown.split('.').any(scripts::are_mixed) {
        return Err(NameError::Deceptive);
    }
    Ok(ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_however_it_is_spelled() {
        for spelling in ["bücher.example", "bu\u{308}cher.example", "xn--bcher-kva.example"] {
            assert_eq!(
                canonical(spelling).as_deref(),
                Ok("xn--bcher-kva.example"),
                "{spelling:?}"
            );
        }
        assert_eq!(canonical("mail.example.co.uk").as_deref(), Ok("mail.example.co.uk"));
        assert_eq!(canonical("localhost").as_deref(), Ok("localhost"));
    }

    #[test]
    fn what_dns_could_not_name_is_no_domain() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long = format!("{}example", "a.".repeat(124));
        for wrong in [
            "",
            ".",
            "a..b",
            ".a.b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b.c",
            "192.0.2.1",
            "1.2.3.4.5",
            "xn--a.b",
            "xn--\u{fc}.b",
            "[192.0.2.1]",
            "[ipv6:2001:db8::1]",
            &long_label,
            &long,
        ] {
            assert_eq!(canonical(wrong), Err(NameError::NotAnAddress), "{wrong:?}");
        }
        assert!(canonical(&format!("{}.example", "a".repeat(63))).is_ok());
        assert!(canonical("4chan.example").is_ok() && canonical("1.2.3.a4").is_ok());
    }

    #[test]
    fn a_label_of_mixed_scripts_is_refused_in_either_form() {
        assert_eq!(canonical("p\u{430}ypal.example"), Err(NameError::Deceptive));
        let ascii = idna::domain_to_ascii("p\u{430}ypal.example").unwrap();
        assert_eq!(canonical(&ascii), Err(NameError::Deceptive), "{ascii}");
        assert!(canonical("δοκιμή.example").is_ok());
    }
}
