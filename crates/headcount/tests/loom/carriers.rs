//! Models of carriers: members made ready while a carrier goes home, while one takes them along, and while one is dropped.

use headcount::{MemberError, ok};
use loom::future::block_on;
use loom::thread;

use crate::tasks::group;
use crate::{CountedWaker, check};

models! {
    /// K2: a member is spawned while the only carrier goes home, or ends: it is carried.
    a_member_is_spawned_while_a_carrier_goes_home, 3 => {
        let (group, tasks) = group();
        group.spawn(|_| async { ok(1) });
        let carrier = tasks.take();
        let thread = thread::spawn(move || block_on(carrier));
        group.spawn(|_| async { ok(2) });
        thread.join().unwrap();
        tasks.run_all();
        assert!(block_on(group.wait()).iter().all(Result::is_ok));
    }

    /// Two carriers share what is ready, by the queue and by the trays; each member is polled, and both end.
    two_carriers_share_what_is_ready, 2 => {
        let (group, tasks) = group();
        for n in 0..2 {
            group.spawn(move |_| async move { ok(n) });
        }
        let threads = [tasks.take(), tasks.take()].map(|carrier| thread::spawn(move || block_on(carrier)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(block_on(group.wait()).iter().all(Result::is_ok));
    }

    /// K4: an executor drops a carrier that is at home while another member is spawned. The one that was there is dropped, the
    /// other as well, or it runs; neither is lost.
    a_carrier_is_dropped_while_a_member_is_spawned, 3 => {
        let (group, tasks) = group();
        group.spawn(|_| std::future::pending::<Result<_, headcount::BoxError>>());
        let mut carrier = tasks.take();
        assert!(!CountedWaker::new().poll(&mut carrier), "its member is parked");
        let thread = thread::spawn(move || drop(carrier));
        group.spawn(|_| async { ok(2) });
        thread.join().unwrap();
        tasks.run_all();
        let results = block_on(group.wait());
        assert!(matches!(results[..], [Err(MemberError::Dropped), Ok(2) | Err(MemberError::Dropped)]));
    }
}
