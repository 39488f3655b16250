//! A mail server that is slow with one message.

use super::{TIMEOUT, message};
use crate::support::{MailServer, TestSidecar, wait_until};

#[tokio::test]
async fn a_slow_conversation_does_not_delay_other_messages() {
    let server = MailServer::start(&["--starttls", "--stall", "slow"]).await;
    // Longer than the test may take.
    let config = server.config("smtp", None).replace("timeout: 5s", "timeout: 60s");
    let sidecar = TestSidecar::new().config(&config).start().await;
    sidecar.queue_message(&message("slow@example.com"), 600.0).await;
    wait_until("the slow conversation has begun", TIMEOUT, async || {
        server
            .commands()
            .iter()
            .any(|command| command.starts_with("RCPT") && command.contains("slow@"))
    })
    .await;
    for index in 0..20 {
        sidecar
            .queue_message(&message(&format!("person{index}@example.com")), 600.0)
            .await;
    }
    wait_until("the others are sent", TIMEOUT, async || server.messages().len() == 20).await;
    assert!(server.messages().iter().all(|message| !message.contains("slow@")));
}
