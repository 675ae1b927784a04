//! What must hold of the protocol for bytes of any kind; for the fuzz targets, and for the property tests.

use std::time::{Duration, Instant};

use super::wire::{self, LONGEST_QUESTION};

/// Reads `bytes` as each side would, from which nobody may panic; and says again what was read, which must be read as the same.
///
/// # Panics
///
/// If it is not.
pub fn reads_or_refuses(bytes: &[u8]) {
    let soon = Instant::now() + Duration::from_secs(60);
    if let Ok(line) = wire::read_line(bytes, LONGEST_QUESTION, soon) {
        assert!(line.len() <= LONGEST_QUESTION && !line.contains(&b'\n'), "a line, and no more");
        match wire::read_question(&line) {
            Ok(ask) => assert_eq!(wire::read_question(wire::question(&ask).trim_ascii_end()), Ok(ask)),
            // What is refused is refused in a line that the other side reads as a refusal.
            Err(unread) => {
                let said = wire::read_answer(wire::refusal(&unread).trim_ascii_end());
                assert_eq!(said, Err(wire::Unread::Refused(unread.to_string())));
            }
        }
    }
    if let Ok(census) = wire::read_answer(bytes) {
        assert_eq!(wire::read_answer(wire::answer(census.clone(), usize::MAX).trim_ascii_end()), Ok(census));
    }
}

/// Sends `bytes` to a server, and reads what it answers: nothing, or one line of the protocol.
///
/// # Panics
///
/// If it is anything else.
#[cfg(fuzzing)]
pub fn is_answered_or_hung_up_on(bytes: &[u8]) {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    let (mut asks, answers) = UnixStream::pair().expect("the system has sockets");
    // No more than what a socket takes without a reader; a line is too long long before that.
    let sent = &bytes[..bytes.len().min(2 * LONGEST_QUESTION)];
    asks.write_all(sent).expect("there is room for it");
    asks.shutdown(Shutdown::Write).expect("it is open");
    let told = super::server::answer(&answers);
    drop(answers);
    let mut answer = Vec::new();
    // Hung up with something unread is a reset.
    let read = asks.read_to_end(&mut answer);
    match told {
        Ok(()) => {
            assert_eq!(answer.last(), Some(&b'\n'), "a whole line: {read:?}");
            let said = wire::read_answer(answer.trim_ascii_end());
            assert!(matches!(said, Ok(_) | Err(wire::Unread::Refused(_))), "{said:?}");
        }
        Err(_) => assert_eq!(answer, b"", "no half answers"),
    }
}
