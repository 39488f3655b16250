//! A migration: a pair of files, and the directives in their first lines.

/// The directive for a migration after which the previous release still works.
const EXPAND: &str = "-- expand";
/// The directive for statements that run one by one, outside of a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// A pair of files.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number; migrations run in this order.
    pub version: i32,
    /// The file's name without `.up.sql`.
    pub name: &'static str,
    /// The file that runs it.
    pub up: &'static str,
    /// The file that reverts it.
    pub down: &'static str,
}

impl Migration {
    /// SHA-256 over both files.
    pub fn checksum(&self) -> [u8; 32] {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        digest.update(self.up.as_bytes());
        digest.update(b"\0");
        digest.update(self.down.as_bytes());
        digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Whether it only adds what the previous release can ignore, so that both releases can use the schema.
    pub fn is_expand(&self) -> bool {
        says(self.up, EXPAND)
    }
}

/// Whether a file runs outside of a transaction.
pub(super) fn runs_without_transaction(file: &str) -> bool {
    says(file, NO_TRANSACTION)
}

/// Whether `directive` is on the first line of a file, or on the second, below the other directive.
fn says(file: &str, directive: &str) -> bool {
    file.lines()
        .map(str::trim)
        .take_while(|line| [EXPAND, NO_TRANSACTION].contains(line))
        .any(|line| line == directive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_on_its_first_lines_how_it_may_be_run() {
        for (file, expand, alone) in [
            ("-- expand\nCREATE TABLE a ();", true, false),
            ("-- no-transaction\nCREATE INDEX", false, true),
            ("-- expand\n-- no-transaction\nCREATE INDEX", true, true),
            ("-- no-transaction\n-- expand\nCREATE INDEX", true, true),
            ("-- Adds a table.\n-- expand\nCREATE TABLE a ();", false, false),
            ("-- expands\nCREATE TABLE a ();", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (says(file, EXPAND), says(file, NO_TRANSACTION)),
                (expand, alone),
                "{file}"
            );
        }
    }
}
