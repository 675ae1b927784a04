//! What comes back, and that nothing else stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{CollectAll, Context, Discard, MemberError, thread};

use super::{Count, LIMITS, limited, scope};
use crate::within;

#[test]
fn values_come_back_in_spawn_order_whatever_the_order_of_ending() {
    within(|| {
        for limit in [Some(8), None] {
            let over: Vec<Count> = (0..8).map(|_| Count::default()).collect();
            let values = limited(scope(), limit).run(|group| {
                for n in 0..8 {
                    let over = &over;
                    group.spawn(move |_| {
                        // The last one ends first.
                        if let Some(next) = over.get(n + 1) {
                            next.reaches(1);
                        }
                        over[n].add();
                        headcount::ok(n)
                    });
                }
            });
            assert_eq!(values.unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    });
}

#[test]
fn any_number_of_members_comes_back_under_any_limit() {
    within(|| {
        for limit in LIMITS {
            for n in [0, 1, 2, 3, 63, 64, 65, 1000, 10_000] {
                let values = limited(scope(), limit).run(|group| {
                    (0..n).for_each(|i| group.spawn(move |_| headcount::ok(i)));
                });
                assert!(values.unwrap().into_iter().eq(0..n), "{n} members, limit {limit:?}");
            }
        }
    });
}

#[test]
fn members_borrow_from_the_stack_and_give_back_what_they_borrowed() {
    within(|| {
        let texts: Vec<String> = ["one", "two", "three"].map(String::from).to_vec();
        let seen = AtomicUsize::new(0);
        let lent: Vec<&str> = scope()
            .run(|group| {
                for text in &texts {
                    let seen = &seen;
                    group.spawn(move |_| {
                        seen.fetch_add(1, SeqCst);
                        headcount::ok(text.as_str())
                    });
                }
            })
            .unwrap();
        assert_eq!(lent, ["one", "two", "three"]);
        assert_eq!(seen.into_inner(), 3);
    });
}

#[test]
fn members_may_change_disjoint_parts_of_what_they_borrow() {
    within(|| {
        let mut numbers: Vec<u32> = (0..1000).collect();
        let done = scope().limit(3).run(|group| {
            for part in numbers.chunks_mut(100) {
                group.spawn(move |_| {
                    part.iter_mut().for_each(|number| *number *= 2);
                    headcount::ok(())
                });
            }
        });
        assert_eq!(done.unwrap().len(), 10);
        assert!(numbers.into_iter().eq((0..1000).map(|n| n * 2)));
    });
}

#[test]
fn errors_and_policies_may_be_of_any_kind_and_values_borrowed_in_a_typed_scope() {
    within(|| {
        let text = String::from("12 x 3");
        let numbers: Vec<Result<(&str, u32), MemberError<std::num::ParseIntError>>> =
            thread::Scope::typed_with_policy(&Context::background(), CollectAll).run(|group| {
                for word in text.split(' ') {
                    group.spawn(move |_| word.parse::<u32>().map(|number| (word, number)));
                }
            });
        assert_eq!(numbers[0].as_ref().unwrap(), &("12", 12));
        assert!(matches!(&numbers[1], Err(MemberError::Failed(_))));
        assert_eq!(numbers[2].as_ref().unwrap(), &("3", 3));
    });
}

#[test]
fn forks_give_values_of_their_own_type_and_none_if_they_failed() {
    within(|| {
        let mut forks = None;
        let values = scope().run(|group| {
            group.spawn(|_| headcount::ok(1));
            forks = Some((group.fork(|_| headcount::ok("text")), group.fork(|_| headcount::ok(vec![1, 2]))));
        });
        let (text, vector) = forks.take().unwrap();
        assert_eq!(values.unwrap(), [1]);
        assert_eq!((text.take(), vector.take()), (Some("text"), Some(vec![1, 2])));

        let mut failed = None;
        let error = scope::<()>().run(|group| failed = Some(group.fork::<u8, _, _>(|_| Err("no"))));
        assert_eq!(error.unwrap_err().member().unwrap().index(), 0);
        assert_eq!(failed.unwrap().take(), None);
    });
}

#[test]
fn everything_is_dropped_once_and_no_thread_or_context_is_left() {
    within(|| {
        for limit in LIMITS {
            let (root, _canceller) = Context::background().with_cancel();
            let kept = Arc::new(());
            for keeps in [true, false] {
                let spawn = |n: usize| {
                    let kept = Arc::clone(&kept);
                    move |_: &Context| if n % 10 == 3 { Err("three") } else { Ok(kept) }
                };
                if keeps {
                    let outcomes =
                        limited(thread::Scope::with_policy(&root, CollectAll), limit).run(|group| {
                            (0..200).for_each(|n| group.spawn(spawn(n)));
                        });
                    assert_eq!(Arc::strong_count(&kept), 1 + 180, "limit {limit:?}");
                    drop(outcomes);
                } else {
                    let tally = limited(thread::Scope::with_policy(&root, Discard), limit).run(|group| {
                        (0..200).for_each(|n| group.spawn(spawn(n)));
                    });
                    assert_eq!((tally.succeeded, tally.failed), (180, 20));
                }
                assert_eq!(Arc::strong_count(&kept), 1, "limit {limit:?}");
                assert_eq!(root.children(), 0);
            }
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_when_the_scope_returns() {
    /// Of this scope: the name is not used elsewhere.
    fn threads() -> usize {
        let name_of = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        tasks.filter_map(name_of).filter(|name| name.trim() == "counted threads").count()
    }
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let result = scope().named("counted threads").run(|group| {
            for _ in 0..20 {
                group.spawn(|_| {
                    come.add();
                    go.reaches(1);
                    headcount::ok(())
                });
            }
            come.reaches(20);
            assert_eq!(threads(), 20, "one for each member that blocks");
            go.add();
        });
        assert_eq!(result.unwrap().len(), 20);
        // The scope joins them; the system may take a moment to take them off its list.
        let begun = std::time::Instant::now();
        while threads() > 0 {
            assert!(begun.elapsed() < crate::LIMIT, "{} threads are left", threads());
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_scope_without_members_returns_nothing() {
    within(|| {
        assert!(scope::<u8>().run(|_| ()).unwrap().is_empty());
        assert!(scope::<u8>().limit(1).run(|group| group.wait_idle()).unwrap().is_empty());
    });
}
