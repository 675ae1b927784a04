use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::time::Duration;

use headcount::task::Spawn;
use rustix::pipe::{PipeFlags, pipe_with};

use super::*;

/// Long enough for any machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Has a hand do it. What comes of it is received.
fn done_by<T: Send + 'static>(
    hands: &Hands,
    work: impl Future<Output = T> + Send + 'static,
) -> mpsc::Receiver<T> {
    let (tell, told) = mpsc::channel();
    hands.executor().spawn(Box::pin(async move {
        // Who asked may have had enough.
        let _ = tell.send(work.await);
    }));
    told
}

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

async fn read_one(file: &Watched) -> u8 {
    let mut byte = [0];
    loop {
        poll_fn(|cx| file.poll_ready(cx)).await;
        if file.read(&mut byte).is_ok_and(|read| read == 1) {
            return byte[0];
        }
    }
}

#[test]
fn one_hand_waits_for_many_files_in_any_order() {
    let hands = Hands::new(1, 9).unwrap();
    let pipes: Vec<_> = (0..50).map(|_| pipe()).collect();
    let waiting: Vec<_> = pipes
        .into_iter()
        .map(|(reader, writer)| {
            let told = done_by(&hands, async move {
                let reader = Watched::new(reader).unwrap();
                // Twice: what was told once is told again.
                [read_one(&reader).await, read_one(&reader).await]
            });
            (writer, told)
        })
        .collect();
    for byte in [1, 2] {
        for (writer, _) in waiting.iter().rev() {
            assert_eq!(rustix::io::write(writer, &[byte]), Ok(1));
        }
    }
    for (_, told) in &waiting {
        assert_eq!(told.recv_timeout(LIMIT), Ok([1, 2]));
    }
}

#[test]
fn an_end_is_told_as_well() {
    let hands = Hands::new(1, 9).unwrap();
    let (reader, writer) = pipe();
    let told = done_by(&hands, async move {
        let reader = Watched::new(reader).unwrap();
        poll_fn(|cx| reader.poll_ready(cx)).await;
        reader.read(&mut [0]).map_err(|error| error.kind())
    });
    drop(writer);
    assert_eq!(told.recv_timeout(LIMIT), Ok(Ok(0)));
}

#[test]
fn what_does_not_come_in_time_is_not_waited_for() {
    let hands = Hands::new(1, 9).unwrap();
    let (reader, _writer) = pipe();
    let told = done_by(&hands, async move {
        let reader = Watched::new(reader).unwrap();
        let late = within(Some(Duration::from_millis(5)), read_one(&reader)).await;
        let in_time = within(Some(LIMIT * 10), async { 7 }).await;
        (late, in_time, within(None, async { 8 }).await)
    });
    assert_eq!(told.recv_timeout(LIMIT), Ok((None, Some(7), Some(8))));
}

#[test]
fn every_alarm_rings_and_none_before_its_time() {
    let hands = Hands::new(2, 9).unwrap();
    let told: Vec<_> = [30, 10, 20, 0]
        .map(|time| {
            let time = Duration::from_millis(time);
            let told = done_by(&hands, async move {
                let began = std::time::Instant::now();
                alarm::sleep(time).await;
                began.elapsed()
            });
            (time, told)
        })
        .into();
    for (time, told) in told {
        assert!(told.recv_timeout(LIMIT).unwrap() >= time, "{time:?}");
    }
}

#[test]
fn another_takes_over_from_a_hand_that_is_held_up() {
    let hands = Hands::new(1, 9).unwrap();
    let (go, gone) = mpsc::channel();
    let first = done_by(&hands, async move { held_up(|| gone.recv_timeout(LIMIT)) });
    let second = done_by(&hands, async move { go.send(()).is_ok() });
    assert_eq!(second.recv_timeout(LIMIT), Ok(true));
    assert_eq!(first.recv_timeout(LIMIT), Ok(Ok(())));
}

#[test]
fn what_is_done_aside_holds_up_nobody() {
    let hands = Hands::new(1, 9).unwrap();
    let (go, gone) = mpsc::channel();
    let first = done_by(&hands, aside("aside", move || gone.recv_timeout(LIMIT)));
    let second = done_by(&hands, async move { go.send(()).is_ok() });
    assert_eq!(second.recv_timeout(LIMIT), Ok(true));
    assert_eq!(first.recv_timeout(LIMIT), Ok(Some(Ok(()))));
}

#[test]
fn who_goes_first_lets_others_have_a_turn() {
    let hands = Hands::new(1, 9).unwrap();
    let (go, gone) = mpsc::channel();
    let first = done_by(&hands, async move {
        // There is one hand, and it is not held up.
        while gone.try_recv().is_err() {
            alarm::pass().await;
        }
    });
    let second = done_by(&hands, async move { go.send(()).is_ok() });
    assert_eq!((first.recv_timeout(LIMIT), second.recv_timeout(LIMIT)), (Ok(()), Ok(true)));
}

#[test]
fn who_is_no_hand_waits_where_it_stands() {
    assert!(Watched::new(pipe().0).is_err(), "nobody would tell");
    assert_eq!(held_up(|| 1), 1);
    assert_eq!(wait_here(async { 2 }), 2);
    assert_eq!(wait_here_for(std::future::pending::<()>(), Duration::from_millis(1)), None);
    let (tell, told) = tokio::sync::oneshot::channel();
    let teller = std::thread::spawn(move || tell.send(3));
    assert_eq!(wait_here(told), Ok(3));
    teller.join().unwrap().unwrap();
}

#[test]
fn a_hand_for_every_lane_is_one_each() {
    for (most, lanes, one_each) in [(1, 1, true), (2, 1, true), (2, 2, true), (1, 2, false), (2, 9, false)] {
        let hands = Hands::new(most, lanes).unwrap();
        assert_eq!(
            done_by(&hands, async { is_one_each() }).recv_timeout(LIMIT),
            Ok(one_each),
            "{most}, {lanes}"
        );
    }
    assert!(!is_one_each(), "this is no hand");
}
