//! What `sidegate dev` runs beside Sidegate: the services and an application; and what it keeps between two starts.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::{DevError, Durability, Echo, Services, pages, start_echo};
use crate::secret::Secret;

/// The configuration of `sidegate dev`; [`Playground::variable`] looks up its variables.
pub const CONFIG: &str = include_str!("../../config/dev.yaml");

/// The demo user's email address.
pub const DEMO_EMAIL: &str = "demo@example.com";

/// The characters of passwords, without `0`, `1`, `i`, `l`, `o`, `u`, which are easy to confuse when a password is
/// typed on another machine. Sixteen of these thirty characters have 78 bits.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstvwxyz";

/// The options of `sidegate dev`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The listen address of the proxy.
    pub listen: SocketAddr,
    /// The listen address for metrics and health.
    pub admin: SocketAddr,
    /// The URL of the application; `None` for the built-in echo application.
    pub upstream: Option<String>,
    /// The directory for data, sockets and logs.
    pub dir: PathBuf,
}

/// The running services and application. Dropping the value ends them.
#[derive(Debug)]
pub struct Playground {
    options: Options,
    services: Services,
    upstream: String,
    echo: Option<Echo>,
    pages: SocketAddr,
    secret: Secret,
    password: Secret,
    password_is_new: bool,
}

impl Playground {
    /// Starts everything except Sidegate itself.
    ///
    /// # Errors
    /// See [`DevError`].
    pub fn start(options: Options) -> Result<Self, DevError> {
        // First, because the check is cheap: the server would notice only after everything else has started.
        must_be_free(options.listen, "--listen")?;
        must_be_free(options.admin, "--admin")?;
        let services = Services::start(&options.dir, Durability::Kept)?;
        let dir = services.directory();
        let (secret, _) = keep(&dir.join("secret"), || STANDARD.encode(random::<32>()))?;
        let (password, password_is_new) = keep(&dir.join("demo-password"), password)?;
        let echo = match options.upstream {
            Some(_) => None,
            None => Some(start_echo().map_err(|error| DevError::io("start the echo application beside", dir, error))?),
        };
        let upstream = match (&options.upstream, &echo) {
            (None, Some(echo)) => format!("http://{}", echo.address()),
            (upstream, _) => upstream.clone().unwrap_or_default(),
        };
        let pages = pages::start(options.listen).map_err(|error| DevError::io("start the pages beside", dir, error))?;
        Ok(Self {
            options,
            services,
            upstream,
            echo,
            pages,
            secret,
            password,
            password_is_new,
        })
    }

    /// The value of a variable of [`CONFIG`].
    pub fn variable(&self, name: &str) -> Option<String> {
        match name {
            "SIDEGATE_DEV_LISTEN" => Some(self.options.listen.to_string()),
            "SIDEGATE_DEV_ADMIN" => Some(self.options.admin.to_string()),
            "SIDEGATE_DEV_DATABASE_URL" => Some(self.services.database_url().expose().to_owned()),
            "SIDEGATE_DEV_REDIS_URL" => Some(self.services.redis_url().expose().to_owned()),
            "SIDEGATE_DEV_SECRET" => Some(self.secret.expose().to_owned()),
            "SIDEGATE_DEV_MAIL" => Some(self.mail().display().to_string()),
            "SIDEGATE_DEV_UPSTREAM" => Some(self.upstream.clone()),
            "SIDEGATE_DEV_PAGES" => Some(format!("http://{}", self.pages)),
            // The home page of another application stays its own.
            "SIDEGATE_DEV_HOME" => Some(if self.echo.is_some() { "/" } else { "/dev" }.to_owned()),
            other => std::env::var(other).ok(),
        }
    }

    /// The built-in configuration, with its variables replaced.
    pub fn config(&self) -> String {
        filled_in(CONFIG, &|name| self.variable(name))
    }

    /// Writes the configuration that runs, for commands such as `sidegate user`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_config(&self, text: &str) -> Result<(), DevError> {
        write_whole(&self.config_file(), text)
    }

    fn config_file(&self) -> PathBuf {
        self.services.directory().join("sidegate.yaml")
    }

    /// The directory for email.
    fn mail(&self) -> PathBuf {
        self.services.directory().join("mail")
    }

    /// The demo user's password, which is stored with the data.
    pub fn demo_password(&self) -> &Secret {
        &self.password
    }

    /// Whether this start created the password: an existing demo user has another one then.
    pub fn demo_password_is_new(&self) -> bool {
        self.password_is_new
    }

    /// The text that is printed when everything runs: what runs where, and what to try. `mail` is the directory of messages;
    /// `overrides` is the file that was laid over the configuration.
    pub fn announcement(&self, mail: Option<&str>, overrides: Option<&Path>) -> String {
        let mail = mail.map_or_else(
            || "as the configuration says".to_owned(),
            |mail| format!("{mail}, a file for each message"),
        );
        // A file that was laid over the configuration can forward it.
        let removed = if overrides.is_none() {
            "; your token was removed"
        } else {
            ""
        };
        let overrides = overrides.map(|file| format!("\n  overrides   {}", file.display()));
        let overrides = overrides.unwrap_or_default();
        let Options { listen, admin, .. } = &self.options;
        let upstream = &self.upstream;
        let application = if self.echo.is_some() {
            "the built-in echo application"
        } else {
            "your application"
        };
        let database = self.services.database_url().expose();
        let data = self.services.directory().display();
        let elsewhere = self.services.data_elsewhere();
        let elsewhere = elsewhere.map(|place| {
            format!(
                "\n              the databases are in {}: PostgreSQL's user cannot enter that one",
                place.display()
            )
        });
        let elsewhere = elsewhere.unwrap_or_default();
        let password = self.password.expose();
        let reached = if self.echo.is_some() {
            format!(
                "200, and the echo application shows the request it received: X-Forwarded-User and\n      other headers name the demo user{removed}"
            )
        } else {
            "your application's response; it received X-Forwarded-User and other headers".to_owned()
        };
        format!(
            r#"
Sidegate is running. Ctrl-C stops everything below.

  proxy       http://{listen}, in front of {upstream} ({application})
  admin       http://{admin}/metrics, /livez, /readyz
  PostgreSQL  {database}
  Redis       {redis}
  data        {data}{elsewhere}
  email       {mail}
  demo user   {DEMO_EMAIL}, password {password}
  operators   sidegate audit --follow --config {config}, and user, session, keys, token{overrides}

Three things to try in another terminal:

  curl -i http://{listen}/hello

      401: the request has no access token

  TOKEN=$(curl -s http://{listen}/auth/login -H 'Content-Type: application/json' -d '{{"email":"{DEMO_EMAIL}","password":"{password}"}}' | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p'); echo "${{TOKEN:-no token}}"

      signs in; the access token, valid for ten minutes, is now in $TOKEN

  curl -s http://{listen}/hello -H "Authorization: Bearer $TOKEN"

      {reached}
"#,
            redis = self.services.redis_url().expose(),
            config = self.config_file().display(),
        )
    }

    /// Shuts the services down.
    pub fn stop(self) {
        self.services.stop();
    }
}

fn must_be_free(address: SocketAddr, option: &'static str) -> Result<(), DevError> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(DevError::PortTaken {
            address: address.to_string(),
            option,
        }),
        Err(cause) => Err(DevError::Io {
            what: format!("listen on {address} ({option})"),
            cause,
        }),
        Ok(_) => Ok(()),
    }
}

/// Reads the value in `path`, or creates one with `make` and stores it there; and whether it was created.
fn keep(path: &Path, make: impl FnOnce() -> String) -> Result<(Secret, bool), DevError> {
    match fs::read_to_string(path) {
        Ok(kept) if !kept.trim().is_empty() => return Ok((Secret::new(kept.trim()), false)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DevError::io("read", path, error)),
        _ => {}
    }
    let value = Secret::new(make());
    write_whole(path, value.expose())?;
    Ok((value, true))
}

/// Writes a file atomically, readable by its owner only: half a secret would be taken for one.
fn write_whole(path: &Path, text: &str) -> Result<(), DevError> {
    let draft = path.with_extension("new");
    let opened = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft);
    let written = opened.and_then(|mut file| writeln!(file, "{}", text.trim_end()));
    written
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| DevError::io("write", path, error))
}

/// The configuration with its variables replaced, each within the double quotes around it.
fn filled_in(config: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(config.len());
    let mut rest = config;
    while let Some((before, from)) = rest.split_once("${") {
        let (name, default, after) = from
            .split_once('}')
            .map(|(inner, after)| {
                let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
                (name, default, after)
            })
            .expect("config/dev.yaml closes what it opens");
        text.push_str(before);
        let value = variable(name).unwrap_or_else(|| default.to_owned());
        text.push_str(&value.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${"));
        rest = after;
    }
    text + rest
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system has random numbers");
    bytes
}

/// A password of four groups of four characters. The modulo prefers some characters slightly, which costs a fraction of
/// a bit.
fn password() -> String {
    let characters: Vec<char> = random::<16>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect();
    characters
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_made_once_and_read_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo-password");
        let (first, made) = keep(&path, password).unwrap();
        let (second, made_again) = keep(&path, password).unwrap();
        assert!(made && !made_again && first == second);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_configuration_is_written_down_as_it_runs_whatever_its_values_hold() {
        let odd = |name: &str| match name {
            "SIDEGATE_DEV_MAIL" => Some(r#"/tmp/a "quoted" \ ${HOME} place"#.to_owned()),
            "SIDEGATE_DEV_LISTEN" => Some("127.0.0.1:4321".to_owned()),
            _ => None,
        };
        let text = filled_in(CONFIG, &odd);
        assert!(text.contains(r#"listen: "127.0.0.1:4321""#), "{text}");
        assert!(
            text.contains(r#"directory: "/tmp/a \"quoted\" \\ $${HOME} place""#),
            "quotes stay inside, and a dollar of the value's own is not filled in: {text}"
        );
        assert!(!text.contains("SIDEGATE_DEV_DATABASE_URL:-"), "defaults are filled in");
    }

    #[test]
    fn a_password_is_four_groups_of_characters_that_are_not_confused() {
        let made = password();
        assert_eq!(made.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        assert!(
            made.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)),
            "{made}"
        );
    }

    #[test]
    fn a_taken_port_is_one_sentence_that_names_the_option() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusal = must_be_free(taken.local_addr().unwrap(), "--listen")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("is taken by another program") && refusal.contains("--listen"),
            "{refusal}"
        );
    }
}
