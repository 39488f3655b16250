//! Returns memory to the system after a crowd has left.
//!
//! The allocator keeps freed pages for a second, because most are used again, and returns them when a thread frees its
//! next page or ends. After a crowd has left, its thread has nothing to free for a long time, and the process would stay as
//! large as it was at its largest. What a thread has freed for another (with several proxying threads) is found by the
//! other when it has served some requests.

use std::hint::black_box;

/// Lets the allocator return what was free for a while. Called every few seconds.
pub(super) fn give_back() {
    // A thread that allocates once and ends. If the system refuses it, the next attempt is soon enough.
    let _ = std::thread::Builder::new()
        .name("purge".to_owned())
        .spawn(|| drop(black_box(Box::new([0_u8; 64]))));
}
