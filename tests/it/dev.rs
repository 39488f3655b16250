//! The private services of `sidegate dev`, started out of the installed programs.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};
use sidegate::dev::{Durability, Services};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A directory that the servers' user can enter when the tests run as root.
fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

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
