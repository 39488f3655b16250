//! The configuration examples of the documentation are accepted, so that they can be pasted.

use std::path::Path;

use sidegate::config;

use crate::support::config::merge;

/// The variables that the README tells its readers to set.
const VARIABLES: &[(&str, &str)] = &[
    ("DATABASE_URL", "postgres://sidegate@db.example.com/sidegate"),
    ("REDIS_URL", "rediss://redis.example.com/0"),
    ("SIDEGATE_SECRET", "YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk="),
    ("SMTP_PASSWORD", "quarrel-lantern-71-osprey"),
];

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The fenced blocks of YAML in a page.
fn yaml_blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap()).collect()
}

fn mistakes(yaml: &str) -> Vec<String> {
    let environment = |name: &str| {
        let found = VARIABLES.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    match config::parse("example", yaml, &environment) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => vec![errors.to_string()],
    }
}

#[test]
fn the_production_configuration_of_the_readme_is_valid_and_causes_no_warning() {
    let readme = read("README.md");
    let blocks = yaml_blocks(&readme);
    assert_eq!(blocks.len(), 1, "the README has one configuration");
    assert_eq!(mistakes(blocks[0]), Vec::<String>::new());
    let misspelt = blocks[0].replace("trusted_proxies", "trusted_proxy");
    assert!(
        mistakes(&misspelt)
            .concat()
            .contains("server.trusted_proxy: unknown key")
    );
}

/// An example that shows some keys only is laid over the configuration of the README.
#[test]
fn the_examples_of_the_other_pages_are_valid() {
    let readme = read("README.md");
    let whole: serde_yaml::Value = serde_yaml::from_str(yaml_blocks(&readme)[0]).unwrap();
    let templates = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for page in [
        "docs/accounts.md",
        "docs/api.md",
        "docs/assertion.md",
        "docs/email.md",
        "docs/operations.md",
        "docs/requests.md",
        "docs/retries.md",
    ] {
        for example in yaml_blocks(&read(page)) {
            let example = example.replace("/etc/sidegate/mail", templates.path().to_str().unwrap());
            let mut merged = whole.clone();
            merge(&mut merged, serde_yaml::from_str(&example).unwrap());
            let merged = serde_yaml::to_string(&merged).unwrap();
            assert_eq!(mistakes(&merged), Vec::<String>::new(), "{page}");
            checked += 1;
        }
    }
    assert!(checked >= 2, "only {checked} examples were found");
}

/// A link to a file of this repository leads to one.
#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let mut checked = 0;
    for page in [
        "README.md",
        "CHANGELOG.md",
        "ARCHITECTURE.md",
        "BENCHMARKS.md",
        "tests/README.md",
        "docs/accounts.md",
        "docs/api.md",
        "docs/assertion.md",
        "docs/audit.md",
        "docs/email.md",
        "docs/operations.md",
        "docs/paths.md",
        "docs/problems.md",
        "docs/refusals.md",
        "docs/requests.md",
        "docs/retries.md",
        "docs/revocation.md",
        "docs/secrets.md",
    ] {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(page).parent().unwrap();
            let target = if file.is_empty() {
                Path::new(page).to_owned()
            } else {
                folder.join(file)
            };
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
            assert!(target.exists(), "{page} links to {link}, which does not exist");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let found = text
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line.trim_start_matches(['#', ' '])) == heading);
                assert!(found, "{page} links to {link}, which has no such heading");
            }
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} links were found");
}

/// The anchor of a heading, as the common renderers of Markdown make it: lower case, hyphens for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
