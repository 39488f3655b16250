//! A reserved name stays reserved in every spelling.

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::{FORWARDING, Family, IDENTITY, Preset};
use crate::gate::testing::cases;

/// Every name of the family, as it is usually written.
fn known() -> Vec<String> {
    let presets = Preset::ALL.into_iter().flat_map(Preset::headers);
    let presets = presets.map(|planned| planned.name.as_str().to_owned());
    let fixed = IDENTITY.iter().chain(&FORWARDING).map(|name| (*name).to_owned());
    presets.chain(fixed).collect()
}

/// A name of the family with other separators and letters of any case.
fn respelled() -> impl Strategy<Value = (String, String)> {
    // The characters of a header name besides letters and digits (RFC 9110 section 5.6.2).
    const SEPARATORS: &[u8] = b"!#$%&'*+-.^_`|~";
    (0..known().len(), any::<u64>()).prop_map(|(index, mut noise)| {
        let name = known().swap_remove(index);
        let spelling = name.bytes().map(|byte| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let choice = usize::try_from(noise >> 60).unwrap_or_default();
            match byte {
                b'-' => SEPARATORS[choice % SEPARATORS.len()],
                character if choice % 2 == 0 => character.to_ascii_uppercase(),
                character => character,
            }
        });
        let spelling = spelling.map(char::from).collect();
        (name, spelling)
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_name_stays_in_the_family_however_it_is_spelled((name, spelling) in respelled()) {
        let family = Family::new([]);
        prop_assert!(family.class(&name).is_some());
        prop_assert_eq!(family.class(&spelling), family.class(&name), "{}", spelling);
    }

    #[test]
    fn every_name_can_be_checked(name in any::<String>()) {
        Family::new([]).class(&name);
    }
}
