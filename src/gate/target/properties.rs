//! An accepted target has one interpretation: the parsers below are as lenient as real servers, and none of them may
//! get another path than the gate, unless the target is marked for it.

use proptest::{
    collection::vec,
    prelude::{Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest},
};

use super::{Target, Unusual};
use crate::gate::testing::cases;

/// Pieces of which attackers build paths.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&[u8]] = &[
        b"/",
        b"//",
        b".",
        b"..",
        b";",
        b"%",
        b"%2f",
        b"%2F",
        b"%5c",
        b"\\",
        b"%2e",
        b"%2E",
        b"%25",
        b"%00",
        b"%3b",
        b"%0d%0a",
        b"%c0%ae",
        b"%c3%a9",
        b"%ff",
        b"?",
        b"#",
        b"%3f",
        b"%23",
        b" ",
        b"a",
        b"admin",
        b"%61",
        b"\xc3\xa9",
        b"\r\n",
        b"\t",
        b"~",
    ];
    prop_oneof![
        8 => proptest::sample::select(KNOWN).prop_map(<[u8]>::to_vec),
        1 => vec(proptest::num::u8::ANY, 1..3),
    ]
}

fn raw_target() -> impl Strategy<Value = Vec<u8>> {
    (proptest::bool::weighted(0.9), vec(piece(), 0..12)).prop_map(|(rooted, pieces)| {
        let start: &[u8] = if rooted { b"/" } else { b"" };
        [start, &pieces.concat()].concat()
    })
}

/// Decodes once, and leaves invalid escapes unchanged.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = digits.filter(|_| byte == b'%');
        if let Some(decoded) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(decoded);
            rest = &tail[2..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    out
}

/// Merges slashes, treats a backslash as one, removes parameters, and resolves dot segments (RFC 3986 section 5.2.4).
fn normalised(path: &[u8]) -> Vec<Vec<u8>> {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|&byte| byte == b'/' || byte == b'\\') {
        let bare = segment.split(|&byte| byte == b';').next().unwrap_or_default();
        match bare {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name.to_vec()),
        }
    }
    segments
}

fn segments(path: &str) -> Vec<Vec<u8>> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| part.as_bytes().to_vec()).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_accepted_path_is_the_same_for_every_careless_server(raw in raw_target()) {
        let Ok(target) = Target::read(&raw) else { return Ok(()) };
        let path = raw.split(|&byte| byte == b'?').next().unwrap_or_default();
        let once = decoded(path);
        let careless = normalised(&once);
        if target.beyond(Unusual::default()).is_none() {
            prop_assert_eq!(&segments(target.path()), &careless);
            prop_assert_eq!(decoded(&once), once, "decoding twice changes nothing");
        } else {
            let lenient = target.lenient_path().map(segments);
            prop_assert_eq!(lenient, Some(careless), "what a lenient server would serve is known");
        }
    }

    #[test]
    fn an_accepted_target_can_neither_end_a_line_nor_a_string(raw in raw_target()) {
        if let Ok(target) = Target::read(&raw) {
            prop_assert!(raw[0] == b'/');
            prop_assert!(raw.iter().all(|byte| (b'!'..=b'~').contains(byte) && *byte != b'#'));
            prop_assert!(!target.path().bytes().any(|byte| byte < b' ' || byte == 0x7f));
        }
    }
}
