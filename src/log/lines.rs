//! Writes log lines on a thread of their own.
//!
//! A log collector that stops reading fills the pipe, and the next write to it blocks for as long as the collector
//! likes: on a proxying thread that would stop every request. So a line is only queued. If the queue is full, the line
//! is dropped and counted, and once the log is read again a line says how many were dropped.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    time::Duration,
};

use prometheus::IntCounter;
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes in the queue: some ten thousand lines, so a collector can restart without a loss.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of one write. A busy process writes many lines with one system call.
const BATCH_BYTES: usize = 64 * 1024;

/// Queues lines. Clones share the queue.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    entries: Sender<Entry>,
    queued_bytes: Arc<AtomicUsize>,
    dropped: IntCounter,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Reports that everything before it was written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts the thread that writes to `sink`. `dropped` counts the lines that were not written.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn start(sink: impl Write + Send + 'static, dropped: IntCounter) -> io::Result<Self> {
        let (entries, received) = channel();
        let lines = Self {
            entries,
            queued_bytes: Arc::default(),
            dropped,
        };
        let writer = Writer {
            received,
            sink,
            queued_bytes: Arc::clone(&lines.queued_bytes),
            dropped: lines.dropped.clone(),
            reported: lines.dropped.get(),
        };
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run())?;
        Ok(lines)
    }

    /// Waits until everything that was queued is written, at most for `within`.
    pub(super) fn flush(&self, within: Duration) {
        let (written, wait) = sync_channel(1);
        if self.entries.send(Entry::Flush(written)).is_ok() {
            // A log that nobody reads must not keep the process from ending.
            let _ = wait.recv_timeout(within);
        }
    }
}

impl Write for &Lines {
    /// Takes one line; never blocks and never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let before = self.queued_bytes.fetch_add(line.len(), Ordering::Relaxed);
        if before + line.len() > QUEUE_BYTES || self.entries.send(Entry::Line(line.to_vec())).is_err() {
            self.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            self.dropped.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The thread.
struct Writer<W> {
    received: Receiver<Entry>,
    sink: W,
    queued_bytes: Arc<AtomicUsize>,
    dropped: IntCounter,
    /// The number of dropped lines that the log has a line about.
    reported: u64,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        while let Ok(first) = self.received.recv() {
            let mut next = Some(first);
            let mut count = 0;
            let mut waiting = Vec::new();
            while let Some(entry) = next.take() {
                match entry {
                    Entry::Line(line) => {
                        batch.extend_from_slice(&line);
                        count += 1;
                    }
                    Entry::Flush(written) => waiting.push(written),
                }
                if batch.len() < BATCH_BYTES {
                    next = self.received.try_recv().ok();
                }
            }
            self.write(&mut batch, count);
            for written in waiting {
                // The caller may have given up.
                let _ = written.send(());
            }
        }
    }

    fn write(&mut self, batch: &mut Vec<u8>, count: u64) {
        let result = self.sink.write_all(batch).and_then(|()| self.sink.flush());
        self.queued_bytes.fetch_sub(batch.len(), Ordering::Relaxed);
        batch.clear();
        batch.shrink_to(BATCH_BYTES);
        if result.is_err() {
            // The log is closed. There is no other place to say so than the metric.
            self.dropped.inc_by(count);
            self.reported = self.dropped.get();
            return;
        }
        let dropped = self.dropped.get();
        if dropped > self.reported {
            let lines = dropped - self.reported;
            self.reported = dropped;
            tracing::warn!(lines, "{lines} log lines were dropped, because the log was not read");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A pipe: what is written waits until the lock is released.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "dropped").unwrap()
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let pipe = Pipe::default();
        let lines = Lines::start(pipe.clone(), counter()).unwrap();
        for number in 0..1000 {
            writeln!(&lines, "{number}").unwrap();
        }
        lines.flush(Duration::from_secs(10));
        let written = String::from_utf8(pipe.0.lock().unwrap().clone()).unwrap();
        assert!(written.lines().eq((0..1000).map(|number: u32| number.to_string())));
        assert_eq!(lines.dropped.get(), 0);
    }

    #[test]
    fn a_pipe_that_nobody_reads_blocks_nobody_and_lines_beyond_the_queue_are_counted() {
        let pipe = Pipe::default();
        let unread = pipe.0.lock().unwrap();
        let lines = Lines::start(pipe.clone(), counter()).unwrap();
        let line = vec![b'x'; 64 * 1024];
        let most = QUEUE_BYTES / line.len();
        for _ in 0..most {
            (&lines).write_all(&line).unwrap();
        }
        assert_eq!(lines.dropped.get(), 0);
        for _ in 0..5 {
            (&lines).write_all(&line).unwrap();
        }
        assert_eq!(lines.dropped.get(), 5);
        drop(unread);
        lines.flush(Duration::from_secs(10));
        assert_eq!(pipe.0.lock().unwrap().len(), most * line.len());
    }
}
