//! The private services of `sidegate dev`, started out of the installed programs.

mod links;
mod overrides;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use sidegate::dev::{Durability, Services};
use tokio_postgres::NoTls;

use crate::support::{Playground, Upstream, place};

/// Whether a process runs; one that has ended and was not waited for does not.
fn runs(pid: &str) -> bool {
    std::fs::read_link(Path::new("/proc").join(pid).join("exe")).is_ok()
}

async fn execute(services: &Services, statement: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(services.database_url().expose(), NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let rows = client
        .query(statement, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    drop(client);
    connection.await.unwrap().unwrap();
    rows
}

async fn redis(services: &Services, words: &[&str]) -> redis::Value {
    let client = redis::Client::open(services.redis_url().expose()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_second_start_keeps_the_data() {
    let dir = place();
    let first = Services::start(dir.path(), Durability::Kept).unwrap();
    execute(&first, "CREATE TABLE notes AS SELECT 'kept'::text AS note").await;
    redis(&first, &["SET", "note", "kept"]).await;
    first.stop();

    let second = Services::start(dir.path(), Durability::Kept).unwrap();
    assert_eq!(execute(&second, "SELECT note FROM notes").await, ["kept"]);
    assert_eq!(
        redis(&second, &["GET", "note"]).await,
        redis::Value::BulkString(b"kept".to_vec())
    );
}

#[tokio::test]
async fn a_directory_serves_one_process_at_a_time() {
    let dir = place();
    let _first = Services::start(dir.path(), Durability::Throwaway).unwrap();
    let refusal = Services::start(dir.path(), Durability::Throwaway)
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("another `sidegate dev`"), "{refusal}");
    assert!(refusal.contains(&std::process::id().to_string()), "{refusal}");
}

#[test]
fn what_a_killed_run_left_is_ended_by_the_next() {
    let dir = place();
    let run = |command: &[&str]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_sidegate"));
        run.args(["dev", "--run", "--"])
            .args(command)
            .env("TMPDIR", dir.path())
            .stdout(Stdio::piped());
        run.spawn().unwrap()
    };
    let mut killed = run(&["sh", "-c", "echo $$; exec sleep 600"]);
    let mut sleeper = String::new();
    BufReader::new(killed.stdout.take().unwrap())
        .read_line(&mut sleeper)
        .unwrap();
    let left = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let postmaster = std::fs::read_to_string(left.join("postgres/postmaster.pid")).unwrap();
    let postmaster = postmaster.lines().next().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let sleeper = Pid::from_raw(sleeper.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(sleeper, Signal::KILL).unwrap();
    assert!(runs(postmaster), "a kill leaves PostgreSQL running");

    assert!(run(&["true"]).wait().unwrap().success());
    assert!(!runs(postmaster), "PostgreSQL ({postmaster}) still runs");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let dir = place();
    let deep = dir.path().join("d".repeat(100));
    let services = Services::start(&deep, Durability::Throwaway).unwrap();
    assert_eq!(execute(&services, "SELECT 'reached'::text").await, ["reached"]);
    let sockets = std::fs::read_link(deep.join("run-elsewhere")).unwrap();
    services.stop();
    assert!(!sockets.exists(), "{} is left", sockets.display());
}

#[tokio::test]
async fn a_path_with_odd_characters_is_no_obstacle() {
    let dir = place();
    let services = Services::start(&dir.path().join("a b,c\"d%e"), Durability::Throwaway).unwrap();
    assert_eq!(execute(&services, "SELECT 'reached'::text").await, ["reached"]);
    redis(&services, &["PING"]).await;
}

#[test]
fn a_command_gets_fresh_services_and_leaves_nothing_behind() {
    let dir = place();
    let script = "echo $SIDEGATE_TEST_REDIS_URL; sleep 600 & echo $!; exit 7";
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["dev", "--run", "--", "sh", "-c", script])
        .env("TMPDIR", dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let (url, sleeper) = said.trim().split_once('\n').unwrap();
    assert!(url.contains("sidegate-run-"), "{url}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "something is left in {}",
        dir.path().display()
    );
    assert!(!runs(sleeper), "process {sleeper} is left");
}

#[test]
fn a_missing_program_is_one_sentence_with_the_package_to_install() {
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["dev", "--run", "--", "true"])
        .env_clear()
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("is not installed: install the package") && said.lines().count() == 1,
        "{said}"
    );
}

/// The processes that work in `dir`.
fn working_in(dir: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let inside = |process: &std::fs::DirEntry| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
    };
    processes
        .filter(inside)
        .map(|process| process.path().display().to_string())
        .collect()
}

fn shell(script: &str) -> String {
    let output = Command::new("bash").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_three_commands_do_what_is_printed_beside_them() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let commands = playground.commands();
    assert_eq!(commands.len(), 3, "{}", playground.said);
    assert!(shell(commands[0]).starts_with("HTTP/1.1 401"));
    assert!(shell(commands[1]).starts_with("ey"));
    let echo: serde_json::Value =
        serde_json::from_str(&shell(&format!("{} >&2; {}", commands[1], commands[2]))).unwrap();
    let headers = echo["headers"].to_string().to_lowercase();
    assert!(headers.contains("x-forwarded-user: "), "{echo}");
    assert!(headers.contains("x-forwarded-email: demo@example.com"), "{echo}");
    assert!(!headers.contains("bearer"), "{echo}");
}

#[test]
fn messages_are_files_where_the_announcement_says() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let folder = playground
        .said
        .lines()
        .find_map(|line| line.strip_prefix("  email       "));
    let folder = Path::new(folder.unwrap().strip_suffix(", a file for each message").unwrap());
    assert_eq!(folder, dir.path().join("mail"));
    // The demo user's email address is taken, of which its owner is notified.
    let register = format!(
        r#"curl -s http://{}/auth/register -H 'Content-Type: application/json' -d '{{"email":"demo@example.com","password":"quarrel-lantern-71-osprey"}}'"#,
        playground.listen.address()
    );
    shell(&register);
    let begun = Instant::now();
    let messages = || std::fs::read_dir(folder).into_iter().flatten().flatten();
    while !messages().any(|file| file.path().extension().is_some_and(|extension| extension == "eml")) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "no message in {}",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let message = std::fs::read_to_string(messages().next().unwrap().path()).unwrap();
    assert!(message.contains("To: demo@example.com"), "{message}");
}

#[test]
fn the_commands_of_an_operator_work_with_the_configuration_that_is_written_down() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let file = dir.path().join("sidegate.yaml");
    assert!(
        playground.said.contains(&format!("--config {}", file.display())),
        "{}",
        playground.said
    );
    let audit = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["audit", "--output", "json", "--event", "user_created", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let events = String::from_utf8(audit.stdout).unwrap();
    assert_eq!(events.lines().count(), 1, "the demo user: {events}");
}

#[test]
fn ctrl_c_ends_all_of_it_and_a_second_start_knows_the_demo_user() {
    let dir = place();
    let mut first = Playground::start(dir.path(), &[]);
    let pid = Pid::from_child(&first.child);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert!(first.child.wait().unwrap().success());
    assert_eq!(working_in(dir.path()), [""; 0]);
    assert!(!dir.path().join("run").exists(), "sockets are left");

    let second = Playground::start(dir.path(), &[]);
    assert!(shell(second.commands()[1]).starts_with("ey"));
}

#[test]
fn a_start_after_kill_recovers_and_keeps_the_data() {
    let dir = place();
    let mut first = Playground::start(dir.path(), &[]);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(!working_in(dir.path()).is_empty(), "a kill leaves the servers running");

    let mut second = Playground::start(dir.path(), &[]);
    assert!(shell(second.commands()[1]).starts_with("ey"));
    rustix::process::kill_process(Pid::from_child(&second.child), Signal::TERM).unwrap();
    second.child.wait().unwrap();
    assert_eq!(working_in(dir.path()), [""; 0]);
}

#[test]
fn a_taken_port_is_one_sentence_that_names_the_option() {
    let dir = place();
    let first = Playground::start(dir.path(), &[]);
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["dev", "--listen", &first.listen.address(), "--dir"])
        .arg(dir.path().join("other"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("is taken by another program") && said.contains("--listen"),
        "{said}"
    );
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
}

#[tokio::test]
async fn it_stands_in_front_of_the_application_that_is_named() {
    let dir = place();
    let upstream = Upstream::start().await;
    let playground = Playground::start(dir.path(), &["--upstream", &format!("http://{}", upstream.address())]);
    shell(&format!(
        "{} >&2; {}",
        playground.commands()[1],
        playground.commands()[2]
    ));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target(), "/hello");
    assert!(seen[0].header("x-forwarded-user").is_some());
}
