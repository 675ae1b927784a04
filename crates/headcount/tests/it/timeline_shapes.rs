//! Timelines of what is built from groups: crews, pipelines, and scopes of tasks.

use std::time::Duration;

use headcount::{Context, Crew, HowEnded, Pipeline, TimelineMember};

use crate::within;

#[test]
fn all_jobs_of_a_crew_are_told_under_one_count_whichever_round_they_are_of() {
    within(|| {
        let crew = Crew::new(&Context::background(), 2, |_, n: u32| match n {
            0 => Err("zero"),
            1 => panic!("one"),
            n => Ok(n),
        });
        let crew = crew.record().named("clerks");
        let timeline = crew.timeline().unwrap();
        assert_eq!(crew.round([2, 3]).unwrap(), [2, 3]);
        crew.post(1).unwrap();
        crew.round([0]).unwrap_err();
        assert_eq!(crew.round([4]).unwrap(), [4]);
        crew.stop(Duration::from_secs(90)).unwrap_err();

        let jobs = timeline.members();
        assert_eq!(jobs.iter().map(TimelineMember::number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let ends: Vec<_> = jobs.iter().map(|job| job.how_ended().unwrap()).collect();
        let (ok, failed) = (HowEnded::Ok, HowEnded::Failed);
        assert_eq!(ends, [ok, ok, failed, failed, ok]);
        assert_eq!((jobs[2].why(), jobs[3].why()), (Some("panicked: one"), Some("zero")));
        assert!(jobs.iter().all(|job| job.begun() >= Some(job.spawned()) && job.ended() >= job.begun()));
        // Both of the first round stand where that was held, the others elsewhere.
        let lines: Vec<_> = jobs.iter().map(|job| job.place().unwrap().line()).collect();
        assert!(lines[0] == lines[1] && lines[1..].windows(2).all(|two| two[0] < two[1]), "{lines:?}");

        let summary = timeline.summary();
        assert_eq!((summary.spawned(), summary.outstanding(), summary.limit()), (5, 0, Some(2)));
        assert!(timeline.to_string().starts_with("crew \"clerks\""), "{timeline}");
    });
}

#[test]
fn rounds_at_once_do_not_mix_up_their_jobs() {
    within(|| {
        let crew =
            Crew::new(&Context::background(), 3, |_, n: u32| if n == 7 { Err("seven") } else { Ok(n) });
        let crew = crew.record();
        let timeline = crew.timeline().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..50).for_each(|_| assert!(crew.round([1, 7]).is_err())));
            }
        });
        let summary = timeline.summary();
        assert_eq!((summary.spawned(), summary.outstanding()), (300, 0));
        let jobs = timeline.members();
        assert_eq!(jobs.len(), 300);
        let failed: Vec<_> = jobs.iter().filter(|job| job.how_ended() == Some(HowEnded::Failed)).collect();
        assert_eq!(failed.len(), 150);
        assert!(failed.iter().all(|job| job.why() == Some("seven")));
    });
}

#[test]
fn workers_of_a_pipeline_are_told_by_stage_and_the_one_that_failed() {
    within(|| (0..50).for_each(|_| a_pipeline_that_fails_is_told()));
}

/// The sink is no worker, whether it sees the failure first or the end.
fn a_pipeline_that_fails_is_told() {
    let pipeline = Pipeline::source(["1", "2", "x"])
        .stage("parse", 1, |_, word: &str| word.parse::<u32>())
        .stage("add", 2, |_, n| headcount::ok(n + 1))
        .record()
        .named("numbers");
    let timeline = pipeline.timeline().unwrap();
    pipeline.run_for_each(&Context::background(), drop).unwrap_err();
    let workers = timeline.members();
    let mut names: Vec<_> = workers.iter().filter_map(TimelineMember::name).collect();
    names.sort_unstable();
    assert_eq!(names, ["add 1/2", "add 2/2", "parse", "source"]);
    let parse = workers.iter().find(|worker| worker.name() == Some("parse")).unwrap();
    assert_eq!(parse.how_ended(), Some(HowEnded::Failed));
    assert_eq!(parse.why(), Some("invalid digit found in string"));
    assert_eq!(timeline.summary().outstanding(), 0);
    assert!(timeline.to_string().contains("\"numbers\""), "{timeline}");
    assert!(Pipeline::source(0..1).timeline().is_none());
}

#[cfg(feature = "tokio")]
mod tasks {
    use headcount::task;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn workers_of_a_pipeline_on_tasks_are_told() {
        within(|| {
            let pipeline = Pipeline::source(0..9).stage("add", 2, |_, n| headcount::ok(n + 1)).record();
            let timeline = pipeline.timeline().unwrap();
            block_on(pipeline.run_for_each_async(&Context::background(), drop)).unwrap();
            assert_eq!(timeline.summary().tally().succeeded, 3);
        });
    }

    #[test]
    fn members_of_a_scope_are_told_from_when_it_was_asked_for() {
        within(|| {
            let mut timeline = None;
            let run = task::scope(&Context::background(), async |scope| {
                assert!(scope.timeline().is_none());
                scope.spawn(|_| async { headcount::ok(()) });
                timeline = Some(scope.record());
                scope.spawn_named("fine", |_| async { headcount::ok(()) });
                scope.spawn_named("fails", |_| async { Err("no route") });
                assert_eq!(scope.timeline().unwrap().summary().spawned(), 2);
            });
            block_on(run).unwrap_err();
            let members = timeline.unwrap().members();
            let [fine, fails] = &members[..] else { panic!("{members:?}") };
            assert_eq!((fine.name(), fine.number(), fine.how_ended()), (Some("fine"), 2, Some(HowEnded::Ok)));
            assert_eq!((fails.name(), fails.why()), (Some("fails"), Some("no route")));
        });
    }

    #[test]
    fn a_scope_that_is_dropped_half_way_ends_its_timeline() {
        within(|| {
            let mut timeline = None;
            let mut run = Box::pin(task::scope(&Context::background(), async |scope| {
                timeline = Some(scope.record());
                scope.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            }));
            assert!(!crate::Poller::new().poll(run.as_mut()));
            drop(run);
            let timeline = timeline.unwrap();
            assert_eq!((timeline.summary().spawned(), timeline.summary().outstanding()), (1, 0));
            assert_eq!(timeline.members()[0].how_ended(), Some(HowEnded::Aborted));
        });
    }
}
