//! What `sidegate dev` runs: the services, an application to stand in front of, and what it keeps between two starts.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::{DevError, Durability, Echo, Services, start_echo};
use crate::secret::Secret;

/// The configuration of `sidegate dev`, to be read with [`Playground::variable`].
pub const CONFIG: &str = include_str!("../../config/dev.yaml");

/// The demo user's address.
pub const DEMO_EMAIL: &str = "demo@example.com";

/// No `0`, `1`, `i`, `l`, `o`, `u`: somebody may read it from one screen and type it on another. Thirty letters, of which
/// sixteen hold 78 bits.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstvwxyz";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where metrics and health are.
    pub admin: SocketAddr,
    /// The application; none is the built-in echo.
    pub upstream: Option<String>,
    /// Where everything is kept.
    pub dir: PathBuf,
}

/// The running surroundings of a Sidegate. Dropping the value ends them.
#[derive(Debug)]
pub struct Playground {
    options: Options,
    services: Services,
    upstream: String,
    echo: Option<Echo>,
    secret: Secret,
    password: Secret,
    password_is_new: bool,
}

impl Playground {
    /// Starts everything but Sidegate itself.
    ///
    /// # Errors
    /// One sentence: see [`DevError`].
    pub fn start(options: Options) -> Result<Self, DevError> {
        // First, since it costs nothing to find out: the server would notice only after all else has started.
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
        Ok(Self {
            options,
            services,
            upstream,
            echo,
            secret,
            password,
            password_is_new,
        })
    }

    /// The value of a variable that [`CONFIG`] asks for.
    pub fn variable(&self, name: &str) -> Option<String> {
        match name {
            "SIDEGATE_DEV_LISTEN" => Some(self.options.listen.to_string()),
            "SIDEGATE_DEV_ADMIN" => Some(self.options.admin.to_string()),
            "SIDEGATE_DEV_DATABASE_URL" => Some(self.services.database_url().expose().to_owned()),
            "SIDEGATE_DEV_REDIS_URL" => Some(self.services.redis_url().expose().to_owned()),
            "SIDEGATE_DEV_SECRET" => Some(self.secret.expose().to_owned()),
            "SIDEGATE_DEV_MAIL" => Some(self.mail().display().to_string()),
            "SIDEGATE_DEV_UPSTREAM" => Some(self.upstream.clone()),
            other => std::env::var(other).ok(),
        }
    }

    /// Writes the configuration down as it runs, for the commands that work on a running installation.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_config(&self) -> Result<(), DevError> {
        let text = filled_in(CONFIG, &|name| self.variable(name));
        write_whole(&self.config_file(), &text)
    }

    fn config_file(&self) -> PathBuf {
        self.services.directory().join("sidegate.yaml")
    }

    /// Where letters are written.
    fn mail(&self) -> PathBuf {
        self.services.directory().join("mail")
    }

    /// The demo user's password, kept with the data.
    pub fn demo_password(&self) -> &Secret {
        &self.password
    }

    /// Whether the password was made by this start: an older demo user has another.
    pub fn demo_password_is_new(&self) -> bool {
        self.password_is_new
    }

    /// What runs and what to try, for somebody who sees it for the first time.
    pub fn announcement(&self) -> String {
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
            "200, and the echo application shows what reached it: X-Forwarded-User and\n      its like name the demo user; your token is not among them"
        } else {
            "your application's answer; it received X-Forwarded-User and its like"
        };
        format!(
            r#"
Sidegate is running. Ctrl-C stops everything below.

  proxy       http://{listen}, in front of {upstream} ({application})
  admin       http://{admin}/metrics, /livez, /readyz
  PostgreSQL  {database}
  Redis       {redis}
  kept in     {data}{elsewhere}
  mail        {mail}, a file for each letter
  demo user   {DEMO_EMAIL}, password {password}
  operators   sidegate audit --follow --config {config}, and user, session, keys, token

Three things to try in another terminal:

  curl -i http://{listen}/hello

      401, for nobody is signed in

  TOKEN=$(curl -s http://{listen}/auth/login -H 'Content-Type: application/json' -d '{{"email":"{DEMO_EMAIL}","password":"{password}"}}' | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p'); echo "${{TOKEN:-no token}}"

      the demo user's access token, good for ten minutes, now in $TOKEN

  curl -s http://{listen}/hello -H "Authorization: Bearer $TOKEN"

      {reached}
"#,
            redis = self.services.redis_url().expose(),
            mail = self.mail().display(),
            config = self.config_file().display(),
        )
    }

    /// Ends the services.
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

/// What `path` holds, or what `make` makes, kept there; and whether it was made.
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

/// Whole or not at all, and for its owner's eyes: half a secret would be taken for one.
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

/// The configuration with its variables replaced, each inside the double quotes in which it stands.
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

/// Four groups of four letters. The remainder's slight preference for the first sixteen letters costs a fraction of a bit.
fn password() -> String {
    let letters: Vec<char> = random::<16>()
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect();
    letters
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
    fn a_password_is_four_groups_of_letters_that_are_not_confused() {
        let made = password();
        assert_eq!(made.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        assert!(
            made.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)),
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
