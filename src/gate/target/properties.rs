//! An accepted target has one interpretation: the parsers below are as lenient as real servers, and none of them may
//! get another path than the gate, unless the target is marked for it. Then the gate has to know what they get.

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

/// What a server can do to a path before it routes, on bytes, as its source says; independent of the gate's own code.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// The URL decoder of most: every escape.
    Decode,
    /// Every escape but those of reserved characters: `decodeURI`.
    DecodeUri,
    /// Everything but `%2F`: Undertow, Kestrel.
    DecodeButSlashes,
    /// Only `%2F`.
    DecodeSlashes,
    /// From each `;` to the next slash.
    Cut,
    /// From the first `;` on.
    CutRest,
    /// The `;` of the last segment.
    CutLast,
    /// Adjacent slashes.
    Merge,
    /// `//host`.
    Host,
}

fn work() -> impl Strategy<Value = Work> {
    use Work::{Cut, CutLast, CutRest, Decode, DecodeButSlashes, DecodeSlashes, DecodeUri, Merge};
    proptest::sample::select(
        &[
            Decode,
            DecodeUri,
            DecodeButSlashes,
            DecodeSlashes,
            Cut,
            CutRest,
            CutLast,
            Merge,
        ][..],
    )
}

/// Some steps in any order, each as often as it likes; and at most once a host is taken out.
fn server() -> impl Strategy<Value = Vec<Work>> {
    (vec(work(), 0..6), proptest::option::of(0..6_usize)).prop_map(|(mut steps, host)| {
        if let Some(at) = host {
            steps.insert(at.min(steps.len()), Work::Host);
        }
        steps
    })
}

fn decoded_if(path: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = digits.filter(|_| *byte == b'%');
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) if wanted(octet) => {
                out.push(octet);
                rest = &tail[2..];
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

fn done(work: Work, path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match work {
        Work::Decode => return decoded(path),
        Work::DecodeUri => return decoded_if(path, |octet| !b";/?:@&=+$,#".contains(&octet)),
        Work::DecodeButSlashes => return decoded_if(path, |octet| octet != b'/'),
        Work::DecodeSlashes => return decoded_if(path, |octet| octet == b'/'),
        Work::Cut => {
            let mut inside = false;
            for &byte in path {
                inside = byte == b';' || (inside && byte != b'/');
                if !inside {
                    out.push(byte);
                }
            }
        }
        Work::CutRest => out.extend(path.iter().take_while(|byte| **byte != b';')),
        Work::CutLast => {
            let last = path.iter().rposition(|byte| *byte == b'/').unwrap_or_default();
            out.extend(&path[..last]);
            out.extend(path[last..].iter().take_while(|byte| **byte != b';'));
        }
        Work::Merge => {
            out.extend(path);
            out.dedup_by(|one, other| *one == b'/' && *other == b'/');
        }
        Work::Host => match path {
            [b'/', b'/', rest @ ..] => {
                out.extend(rest.iter().skip_while(|byte| **byte != b'/'));
                if out.is_empty() {
                    out.push(b'/');
                }
            }
            _ => out.extend(path),
        },
    }
    out
}

/// `None` if there are too many, so that the target is refused.
fn readings(target: &Target<'_>) -> Option<Vec<String>> {
    let mut readings = vec![target.path().to_owned()];
    let all = target.every_reading(|reading| {
        readings.push(reading.to_owned());
        true
    });
    all.then_some(readings)
}

/// Whether a reading is this path. Escapes that everybody needs (`%20`, `%C3%A9`) are in routes as what they mean, and
/// hexadecimal digits have two cases.
fn equal(reading: &str, path: &[u8]) -> bool {
    let needed = |octet| !super::escapes::is_needless(octet) && octet != b'/' && octet != b';';
    let normal = |path: &[u8]| decoded_if(&path.to_ascii_uppercase(), needed);
    normal(reading.as_bytes()) == normal(path)
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
            let known = readings(&target).is_none_or(|all| all.iter().any(|reading| segments(reading) == careless));
            prop_assert!(known, "what a careless server would serve is known");
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

    #[test]
    fn what_servers_make_of_a_path_in_any_order_is_known(raw in raw_target(), server in server()) {
        let Ok(target) = Target::read(&raw) else { return Ok(()) };
        let path = raw.split(|&byte| byte == b'?').next().unwrap_or_default();
        let served = server.iter().fold(path.to_vec(), |path, &work| done(work, &path));
        let Some(known) = readings(&target) else { return Ok(()) };
        prop_assert!(
            known.iter().any(|reading| equal(reading, &served)),
            "{} by {:?}: not in {:?}", String::from_utf8_lossy(&served), server, known
        );
        let dots = served.split(|&byte| byte == b'/').any(|segment| segment == b"." || segment == b"..");
        prop_assert!(!dots, "a dot segment: {}", String::from_utf8_lossy(&served));
    }
}
