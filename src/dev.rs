//! A private PostgreSQL and Redis, started out of the installed binaries, for `sidegate dev` and for the tests.
//!
//! They are the real servers, so that nothing behaves differently at home than in production. They belong to one
//! directory: their data, sockets and logs are in it, nobody else can connect, and they end with the value that started
//! them. A second start in the same directory keeps the data; a start after a `kill -9` finds what was left running by
//! its pid file, makes sure that it is ours, and ends it first.
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
pub mod playground;
mod postgres;
mod redis;
mod run;
mod server;
mod signals;

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
    /// One sentence each for: a missing program (with the package to install), a directory in use by another
    /// `sidegate dev`, or owned by somebody else, a full disk, and a server that did not start (with its last words).
    pub fn start(dir: &Path, durability: Durability) -> Result<Self, DevError> {
        let programs = installed::find()?;
        let owner = Owner::of_servers()?;
        let directory = Directory::open(dir, &owner)?;
        // A fresh cluster takes a second to make; Redis need not wait for it.
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

    /// Where PostgreSQL answers: a `postgres://` URL of a database that is ours alone.
    pub fn database_url(&self) -> &Secret {
        &self.database_url
    }

    /// Where Redis answers.
    pub fn redis_url(&self) -> &Secret {
        &self.redis_url
    }

    /// The directory that was asked for, absolute.
    pub fn directory(&self) -> &Path {
        self.directory.root()
    }

    /// Where the data is, when it could not be in [`Self::directory`]: PostgreSQL refuses to run as root, and the user
    /// it runs as instead cannot enter, say, `/root`.
    pub fn data_elsewhere(&self) -> Option<PathBuf> {
        self.directory.elsewhere()
    }

    /// Ends both servers, orderly, and waits for them. Dropping the value does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Ask both before waiting for either.
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
