//! The servers, as processes that end with the value.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{Port, wait_until};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real_servers/programs");
const NODE_MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.tools/node");
const JARS: &str = "/usr/share/java";
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A way in which a server is set up, with a port of its own.
#[derive(Debug)]
pub struct Listener {
    pub name: &'static str,
    pub port: u16,
    /// How many connections it serves at once.
    pub connections: usize,
    /// Whether the real binary is tried in front of it.
    pub sample: bool,
}

/// All servers.
#[derive(Debug)]
pub struct Servers {
    listeners: Vec<Listener>,
    ports: Vec<Port>,
    processes: Vec<Child>,
    dir: TempDir,
}

impl Servers {
    pub async fn start() -> Self {
        let mut servers = Self {
            listeners: Vec::new(),
            ports: Vec::new(),
            processes: Vec::new(),
            dir: tempfile::tempdir().unwrap(),
        };
        let tomcat_decoding = servers.tomcat();
        servers.jetty();
        servers.node();
        servers.gunicorn();
        servers.puma();
        servers.php();
        servers.nginx(tomcat_decoding);
        for listener in &servers.listeners {
            let processes = &mut servers.processes;
            wait_until(&format!("{} listens", listener.name), READY_WITHIN, async || {
                for process in processes.iter_mut() {
                    if let Some(status) = process.try_wait().unwrap() {
                        panic!("a server ended: {status}");
                    }
                }
                tokio::net::TcpStream::connect(("127.0.0.1", listener.port))
                    .await
                    .is_ok()
            })
            .await;
        }
        servers
    }

    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Three ways to treat `%2F`. Returns the port of the one that decodes it.
    fn tomcat(&mut self) -> u16 {
        let ports = ["Tomcat", "Tomcat, decoding %2F", "Tomcat, passing %2F on"].map(|name| self.listen(name, 2, true));
        let jars = ["tomcat10-embed-core", "tomcat10-annotations-api"];
        let base = self.dir.path().join("tomcat");
        std::fs::create_dir(&base).unwrap();
        self.java("TomcatServer", &jars, &base.display().to_string(), &ports);
        ports[1].parse().unwrap()
    }

    /// As it is by default, and most lenient; each with Spring's way to find a path.
    fn jetty(&mut self) {
        let ports = ["Jetty, Spring", "Jetty (lenient), Spring"].map(|name| self.listen(name, 2, true));
        let jars = [
            "jetty9-server",
            "jetty9-servlet",
            "jetty9-http",
            "jetty9-io",
            "jetty9-util",
            "jetty9-security",
            "servlet-api",
            "spring3-web",
            "spring3-core",
            "commons-logging",
        ];
        self.java("JettyServer", &jars, "", &ports);
    }

    fn java(&mut self, class: &str, jars: &[&str], first: &str, ports: &[String]) {
        let classes = self.dir.path().join(class);
        let jars: Vec<_> = jars.iter().map(|jar| format!("{JARS}/{jar}.jar")).collect();
        for jar in &jars {
            assert!(
                Path::new(jar).exists(),
                "{jar} is missing: `scripts/install-packages.sh paths` installs it"
            );
        }
        let jars = jars.join(":");
        let compiled = Command::new("javac")
            .args(["-nowarn", "-cp", &jars, "-d"])
            .arg(&classes)
            .arg(program(&format!("{class}.java")))
            .stderr(Stdio::null())
            .status()
            .expect("javac is installed: `scripts/install-packages.sh paths` does it");
        assert!(compiled.success(), "{class}.java does not compile");
        let mut command = Command::new("java");
        command
            .args(["-XX:+UseSerialGC", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}:{jars}", classes.display()))
            .arg(class);
        if !first.is_empty() {
            command.arg(first);
        }
        self.run(command.args(ports));
    }

    fn node(&mut self) {
        let modules = Path::new(NODE_MODULES);
        assert!(
            modules.join("installed").exists(),
            "Express and Fastify are missing: `scripts/install-node-modules.sh` installs them"
        );
        let ports = ["Node", "Express", "Fastify"].map(|name| self.listen(name, 2, name == "Node"));
        self.run(Command::new("node").arg(program("node.js")).arg(modules).args(ports));
    }

    fn gunicorn(&mut self) {
        let port = self.listen("gunicorn", 2, true);
        let mut command = Command::new("gunicorn");
        command.args([
            "-k",
            "gthread",
            "--threads",
            "4",
            "--keep-alive",
            "60",
            "--log-level",
            "critical",
        ]);
        command.args(["-b", &format!("127.0.0.1:{port}"), "wsgi_application:application"]);
        self.run(command.current_dir(PROGRAMS).env("PYTHONDONTWRITEBYTECODE", "1"));
    }

    fn puma(&mut self) {
        let port = self.listen("Puma", 2, false);
        let mut command = Command::new("puma");
        command.args(["-q", "-t", "4:4", "-b", &format!("tcp://127.0.0.1:{port}")]);
        self.run(command.arg(program("rack.ru")).current_dir(self.dir.path()));
    }

    fn php(&mut self) {
        // It closes each connection after a response.
        let port = self.listen("PHP", 1, false);
        let mut command = Command::new("php");
        self.run(
            command
                .args(["-q", "-S", &format!("127.0.0.1:{port}")])
                .arg(program("router.php")),
        );
    }

    fn nginx(&mut self, tomcat: u16) {
        let names = ["nginx", "nginx, merge_slashes off", "nginx in front of Tomcat"];
        let [merging, plain, in_front] = names.map(|name| self.listen(name, 2, name == "nginx"));
        let dir = self.dir.path().join("nginx");
        std::fs::create_dir(&dir).unwrap();
        let written = std::fs::read_to_string(program("nginx.conf")).unwrap();
        let config = written
            .replace("{dir}", &dir.display().to_string())
            .replace("{merging}", &merging)
            .replace("{plain}", &plain)
            .replace("{in_front}", &in_front)
            .replace("{tomcat}", &tomcat.to_string());
        let path = dir.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let found = ["/usr/sbin/nginx", "nginx"]
            .into_iter()
            .find(|program| Path::new(program).exists());
        self.run(Command::new(found.unwrap_or("nginx")).arg("-c").arg(path));
    }

    /// Adds a listener, and returns its port as an argument.
    fn listen(&mut self, name: &'static str, connections: usize, sample: bool) -> String {
        let port = Port::reserve();
        self.listeners.push(Listener {
            name,
            port: port.number(),
            connections,
            sample,
        });
        let number = port.number().to_string();
        self.ports.push(port);
        number
    }

    fn run(&mut self, command: &mut Command) {
        let program = command.get_program().to_owned();
        let log = |name: &str| std::fs::File::create(self.dir.path().join(name)).unwrap();
        let name = program.to_string_lossy().replace('/', "-");
        command
            .stdin(Stdio::null())
            .stdout(log(&format!("{name}.out")))
            .stderr(log(&format!("{name}.err")));
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{} does not start ({error}): `scripts/install-packages.sh paths` installs it",
                program.display()
            )
        });
        self.processes.push(process);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Asked first: gunicorn and nginx end their workers.
        for process in &self.processes {
            let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        }
        let end = Instant::now() + Duration::from_secs(10);
        for process in &mut self.processes {
            while matches!(process.try_wait(), Ok(None)) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}
