//! Public keys that protect nothing, although they are well-formed: anybody can sign for them.

/// Why signatures for a key can be forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// An Ed25519 point of small order, such as 32 zero bytes: for some messages a constant is a valid signature.
    #[error("an Ed25519 key of small order, for which anybody can sign")]
    SmallOrder,
    /// An RSA key of the library with the flaw "ROCA" (CVE-2017-15361).
    #[error(
        "an RSA key of a library whose keys can be factored (CVE-2017-15361, \"ROCA\"): generate another one with other software"
    )]
    Roca,
}

/// Checks an Ed25519 public key (RFC 8032 section 5.1.2): the y coordinate, little-endian, and the sign of x in the last
/// bit.
pub(super) fn ed25519(key: &[u8; 32]) -> Option<Weakness> {
    let mut y = *key;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y).then_some(Weakness::SmallOrder)
}

/// Whether the y coordinate is below the field's prime, 2^255 - 19. RFC 8032 section 5.1.3 refuses others; ring reduces
/// them, so that a point had a second spelling, those of small order too.
pub(super) fn is_canonical(key: &[u8; 32]) -> bool {
    let [least, rest @ .., most] = key;
    most & 0x7f != 0x7f || *least < 0xed || rest.iter().any(|byte| *byte != 0xff)
}

/// Checks an RSA modulus, big-endian.
pub(super) fn rsa(modulus: &[u8]) -> Option<Weakness> {
    let is_power = |prime: &u32| is_power_of_generator(remainder(modulus, *prime), *prime);
    ROCA_PRIMES.iter().all(is_power).then_some(Weakness::Roca)
}

/// The y coordinates of the eight points whose order divides the cofactor, 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    little(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // -1: the prime less one.
    little(0xec, 0xff, 0x7f),
];

const fn little(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Both primes of such a modulus are k·M + (65537^a mod M), where M is the product of the first primes ("The Return of
/// Coppersmith's Attack", CCS 2017, section 3). So the modulus is a power of 65537 modulo each of them. For 2048 bits
/// and more, M has the primes up to 701; these are enough that no other modulus is found by accident.
const ROCA_PRIMES: [u32; 70] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239,
    241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353,
];

const GENERATOR: u32 = 65_537;

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, &byte| (rest << 8 | u32::from(byte)) % prime)
}

fn is_power_of_generator(number: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * GENERATOR % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_point_of_small_order_is_weak_with_either_sign_and_its_neighbour_is_not() {
        for point in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut key = point;
                key[31] |= sign;
                assert_eq!(ed25519(&key), Some(Weakness::SmallOrder), "{key:02x?}");
                key[0] ^= 2;
                assert_eq!(ed25519(&key), None, "{key:02x?}");
            }
        }
    }

    #[test]
    fn only_a_coordinate_below_the_prime_is_canonical() {
        assert!(is_canonical(&little(0xec, 0xff, 0x7f)) && is_canonical(&little(0xec, 0xff, 0xff)));
        for (first, last) in [(0xed, 0x7f), (0xee, 0x7f), (0xff, 0x7f), (0xed, 0xff)] {
            assert!(!is_canonical(&little(first, 0xff, last)), "{first:x} {last:x}");
        }
        assert!(is_canonical(&little(0xff, 0xff, 0x7e)) && is_canonical(&little(0xff, 0xfe, 0x7f)));
    }

    /// Its primes were made as that library makes them: a modulus of 2048 bits.
    const ROCA: &str = include_str!("testdata/roca_2048.txt");

    #[test]
    fn a_modulus_of_the_flawed_library_is_found_and_one_beside_it_is_not() {
        let mut modulus = URL_SAFE_NO_PAD.decode(ROCA.trim_end()).unwrap();
        assert_eq!(rsa(&modulus), Some(Weakness::Roca));
        for byte in [0, 100, 255] {
            modulus[byte] ^= 2;
            assert_eq!(rsa(&modulus), None, "byte {byte}");
            modulus[byte] ^= 2;
        }
        assert_eq!(rsa(&[0xff; 256]), None);
    }
}
