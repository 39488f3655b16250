//! The strings of an identity in one allocation: a million identities are cached, and an allocation for each string
//! would cost a pointer, a length and rounding each.

/// A string of the identity. The first one starts at 0, each other one where the one before it ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::gate) enum Text {
    Subject,
    Session,
    Jti,
    VerifiedEmail,
    PreferredUsername,
}

const COUNT: usize = 5;

/// The strings. An absent one has no bytes; a present one is never empty.
#[derive(Debug)]
pub(in crate::gate) struct Texts {
    all: Box<str>,
    /// The end of each string except the last, which ends with the allocation.
    ends: [u16; COUNT - 1],
}

impl Texts {
    /// Joins strings in the order of [`Text`]. `None` if they are longer than those of any token.
    pub(in crate::gate) fn new(texts: [Option<&str>; COUNT]) -> Option<Self> {
        let mut all = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let mut ends = [0; COUNT];
        for (end, text) in ends.iter_mut().zip(texts) {
            all.push_str(text.unwrap_or_default());
            *end = u16::try_from(all.len()).ok()?;
        }
        let [ends @ .., _] = ends;
        Some(Self { all: all.into(), ends })
    }

    pub(super) fn get(&self, text: Text) -> Option<&str> {
        let index = text as usize;
        let start = index.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        let end = self.ends.get(index).map_or(self.all.len(), |end| usize::from(*end));
        self.all.get(start..end).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_its_own_whichever_others_are_there() {
        for present in 0..1_u32 << COUNT {
            let words = ["alice", "s1", "é", "a@example.com", "Alice"];
            let texts: [_; COUNT] = std::array::from_fn(|index| (present >> index & 1 == 1).then_some(words[index]));
            let kept = Texts::new(texts).unwrap();
            let all = [
                Text::Subject,
                Text::Session,
                Text::Jti,
                Text::VerifiedEmail,
                Text::PreferredUsername,
            ];
            assert_eq!(all.map(|text| kept.get(text)), texts);
        }
    }

    #[test]
    fn texts_that_no_token_can_hold_are_refused_and_not_cut() {
        let long = "x".repeat(usize::from(u16::MAX));
        let longest = Texts::new([Some(&long), None, None, None, None]).unwrap();
        assert_eq!(longest.get(Text::Subject), Some(&*long));
        assert!(Texts::new([Some(&long), Some("x"), None, None, None]).is_none());
    }
}
