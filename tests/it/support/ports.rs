//! Ports for servers that need a fixed one. Binding port 0, closing it and using its number is a race that parallel
//! tests lose now and then; here a port is reserved by a lock on a file, which the operating system releases when the
//! process ends.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below Linux's range for outgoing connections (32768 and up), which could take a port between the check and its use.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port that no other test has, here or in another process.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: File,
}

impl Port {
    pub fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let dir = reservations();
        // Processes start at different places, so that they rarely collide.
        let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + start.wrapping_add(step) % COUNT;
            let file = File::options()
                .create(true)
                .append(true)
                .open(dir.join(number.to_string()))
                .unwrap();
            let ours = file.try_lock().is_ok();
            if ours && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self {
                    number,
                    _reservation: file,
                };
            }
        }
        panic!("no free port among {COUNT} from {FIRST}");
    }

    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port on the loopback address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

fn reservations() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    let dir = std::env::temp_dir().join(format!("sidegate-test-ports-{user}"));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
