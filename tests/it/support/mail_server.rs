//! A mail server in a process of its own, and a certificate authority for it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::ports::Port;
use super::wait::wait_until;

const READY_WITHIN: Duration = Duration::from_secs(20);
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/smtp_server.py");

/// The user name and password.
pub const LOGIN: [&str; 2] = ["sidegate", "correct-horse-mail"];

/// A server on a fixed port. It is stopped with the value.
#[derive(Debug)]
pub struct MailServer {
    port: Port,
    options: Vec<String>,
    process: Option<Child>,
    dir: TempDir,
}

impl MailServer {
    /// A server that is not running.
    pub fn reserve(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        certify(&dir);
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut all = Vec::new();
        for option in options {
            all.push((*option).to_owned());
            match *option {
                "--starttls" | "--tls" => all.extend([path("server.pem"), path("server.key")]),
                "--login" => all.extend(LOGIN.map(str::to_owned)),
                _ => {}
            }
        }
        Self {
            port: Port::reserve(),
            options: all,
            process: None,
            dir,
        }
    }

    /// A running server. The arguments can be `--starttls`, `--tls` and `--login`.
    pub async fn start(options: &[&str]) -> Self {
        let mut server = Self::reserve(options);
        server.start_again().await;
        server
    }

    pub async fn start_again(&mut self) {
        let mut command = Command::new(python());
        command
            .arg(PROGRAM)
            .arg(self.dir.path())
            .arg(self.port.number().to_string())
            .args(&self.options);
        self.process = Some(command.stdin(Stdio::null()).spawn().unwrap());
        let process = self.process.as_mut().unwrap();
        wait_until("the mail server listens", READY_WITHIN, async || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the mail server ended: {status}");
            }
            let address = ("127.0.0.1", self.port.number());
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    /// `auth.mail` for this server: `scheme` is `smtp` or `smtps`; its certificate is trusted.
    pub fn config(&self, scheme: &str, password: Option<&str>) -> String {
        self.config_trusting(scheme, password, &self.path("ca.pem"))
    }

    /// Like [`Self::config`], with other certificate authorities.
    pub fn config_trusting(&self, scheme: &str, password: Option<&str>, ca: &str) -> String {
        let login = password.map(|password| format!("user: {}, password: \"{password}\",", LOGIN[0]));
        format!(
            r#"
auth:
  mail:
    from: "Sidegate <no-reply@sidegate.test>"
    transport: smtp
    smtp: {{ url: "{scheme}://127.0.0.1:{}", {} timeout: 5s, ca_file: {ca} }}
    retry: {{ attempts: 30, first: 100ms, max: 200ms }}
"#,
            self.port.number(),
            login.unwrap_or_default(),
        )
    }

    /// The messages it accepted.
    pub fn messages(&self) -> Vec<String> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        paths.sort();
        paths
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }

    /// The received commands, one per line: `MAIL tls no-reply@sidegate.test`.
    pub fn commands(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("commands")).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// A file beside the messages, such as `ca.pem`.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A Python that has aiosmtpd: the first of the path, or the system's.
fn python() -> &'static str {
    let has_it = |python: &&str| {
        let mut command = Command::new(python);
        let command = command.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_it)
        .expect("python3-aiosmtpd is installed: `make packages` does it")
}

/// An authority, and a certificate of it for 127.0.0.1.
fn certify(dir: &TempDir) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    for (name, text) in [
        ("ca.pem", certificate.pem()),
        ("server.pem", server.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
}
