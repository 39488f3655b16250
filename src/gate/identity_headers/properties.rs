//! No value of an identity can break out of its header.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::encode;
use crate::gate::testing::cases;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_encoded_value_is_printable_and_says_only_one_thing(one in any::<String>(), other in any::<String>()) {
        let (first, second) = (encode(&one, ","), encode(&other, ","));
        prop_assert!(first.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b','));
        prop_assert_eq!(first == second, one == other);
        prop_assert_eq!(first.trim(), &first);
    }
}
