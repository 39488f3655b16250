//! The results of `sidegate check` for `auth.mail`, in addition to those in `config.rs`.

use crate::support::TestSidecar;

#[tokio::test]
async fn check_compiles_the_operators_templates_and_names_key_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password_reset.txt");
    std::fs::write(&file, "Subject: Reset\n\nGo to {{ lnk }}").unwrap();
    let fragment = format!("auth: {{ mail: {{ templates: {} }} }}", dir.path().display());
    let sidecar = TestSidecar::new().start().await;
    let check = |fragment: &str| {
        let mut config: serde_yaml::Value =
            serde_yaml::from_str(&std::fs::read_to_string(sidecar.config_file()).unwrap()).unwrap();
        crate::support::config::merge(&mut config, crate::support::config::parse(fragment));
        let path = dir.path().join("sidegate.yaml");
        std::fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sidegate"));
        let output = command
            .args(["check", "--config"])
            .arg(path)
            .env_clear()
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let (good, said) = check(&fragment);
    let expected = format!("auth.mail.templates: {}:3: undefined value", file.display());
    assert!(!good && said.contains(&expected), "{said}");

    std::fs::write(&file, "Subject: Reset\n\nGo to {{ link }}").unwrap();
    let (good, said) = check(&fragment);
    assert!(good && !said.contains("auth.mail"), "{said}");
}

#[tokio::test]
async fn the_log_transport_is_warned_of_where_others_may_read_the_log() {
    let text = |public_url: &str| {
        format!(
            r#"
version: 1
server: {{ public_url: {public_url} }}
store: {{ postgres: {{ url: postgres://u@db/x }}, redis: {{ url: redis://cache/0 }} }}
auth:
  audience: [app]
  secret: "YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk="
  mail: {{ from: a@b.test, transport: log }}
upstreams: {{ app: {{ servers: [http://app:8000] }} }}
routes: [{{ id: app, match: {{ path: /** }}, upstream: app, access: authenticated }}]
"#
        )
    };
    let warnings = |public_url: &str| {
        let loaded = sidegate::config::parse("f", &text(public_url), &|_| None);
        loaded.unwrap_or_else(|errors| panic!("{errors}")).warnings
    };
    assert_eq!(warnings("http://127.0.0.1:8080"), [""; 0]);
    let told = warnings("https://gw.example.com");
    assert!(
        told.len() == 1 && told[0].contains("auth.mail.transport: `log` writes codes"),
        "{told:?}"
    );
}
