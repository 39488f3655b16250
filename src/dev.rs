//! A private PostgreSQL and Redis, started from the installed programs, for `sidegate dev` and for the tests.
//!
//! They are the real servers, so that development behaves like production. They belong to one directory, which contains
//! their data, sockets and logs; nobody else can connect, and they end with the value that started them. A second start
//! in the same directory keeps the data. A start after a `kill -9` finds the servers that were left running by their
//! pid files, checks that they are ours, and ends them first.
//!
//! ```text
//! .sidegate/   lock            held while the services run
//!              postgres/ redis/    data, each owned by the user the servers run as
//!              run/            sockets (in the temporary directory when this path is too long for a socket)
//!              *.log           what the servers said since the last start
//! ```

mod directory;
mod durability;
mod echo;
mod error;
mod installed;
mod owner;
mod pages;
pub mod playground;
mod postgres;
mod redis;
mod run;
mod server;
mod signals;
mod tiny_server;

use std::path::{Path, PathBuf};

use directory::Directory;
pub use durability::Durability;
pub use echo::{Echo, start as start_echo};
pub use error::DevError;
use owner::Owner;
pub use run::run_with_services;
use server::Server;
pub use signals::Signals;

use crate::secret::Secret;

/// The two running servers. Dropping the value ends them.
#[derive(Debug)]
pub struct Services {
    postgres: Server,
    redis: Server,
    database_url: Secret,
    redis_url: Secret,
    // Last: fields are dropped in order, and the lock must outlive the servers.
    directory: Directory,
}

impl Services {
    /// Starts both servers in `dir`, which is made if it does not exist, and waits until they answer.
    ///
    /// # Errors
    /// For a missing program (with the package to install), a directory in use by another `sidegate dev` or owned by
    /// another user, a full disk, and a server that did not start (with its last message).
    pub fn start(dir: &Path, durability: Durability) -> Result<Self, DevError> {
        let programs = installed::find()?;
        let owner = Owner::of_servers()?;
        let directory = Directory::open(dir, &owner)?;
        // A fresh cluster takes a second to create; Redis does not have to wait for it.
        let (postgres, redis) = std::thread::scope(|scope| {
            let redis = scope.spawn(|| redis::start(&programs, &directory, &owner, durability));
            let postgres = postgres::start(&programs, &directory, &owner, durability);
            (postgres, redis.join().expect("starting Redis does not panic"))
        });
        let (postgres, database_url) = postgres?;
        let (redis, redis_url) = redis?;
        Ok(Self {
            postgres,
            redis,
            database_url,
            redis_url,
            directory,
        })
    }

    /// Ends the servers that a killed process left in `dir`, if any, without starting new ones.
    fn end_orphans(dir: &Path, owner: &Owner) -> Result<(), DevError> {
        let directory = Directory::open(dir, owner)?;
        postgres::end_orphan(&directory)?;
        redis::end_orphan(&directory)?;
        directory.remove_sockets();
        Ok(())
    }

    /// The `postgres://` URL of the private database.
    pub fn database_url(&self) -> &Secret {
        &self.database_url
    }

    /// The URL of the private Redis.
    pub fn redis_url(&self) -> &Secret {
        &self.redis_url
    }

    /// The absolute path of the directory.
    pub fn directory(&self) -> &Path {
        self.directory.root()
    }

    /// The directory of the data if it could not be in [`Self::directory`]: PostgreSQL refuses to run as root, and the
    /// user it runs as instead cannot enter, for example, `/root`.
    pub fn data_elsewhere(&self) -> Option<PathBuf> {
        self.directory.elsewhere()
    }

    /// Shuts both servers down and waits for them. Dropping the value does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Signal both before waiting for either.
        self.redis.ask_to_stop();
        self.postgres.ask_to_stop();
        self.redis.stop();
        self.postgres.stop();
        self.directory.remove_sockets();
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.end();
    }
}
