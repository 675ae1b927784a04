//! The rows: what is timed or counted, in which unit, and what headcount aims for.
//!
//! A row has one name, used on the command line, in the tables and in the JSON record. The aims are printed beside
//! what was measured and are never asserted: a figure depends on the machine, a promise must not.

/// One thing that is timed or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// Count one out and back on one thread, the count going 0, 1, 0.
    FromZero,
    /// The same with another member out all the time: 1, 2, 1.
    Beside,
    /// The same while a thread is blocked in a wait.
    Waited,
    /// The same from two threads at once.
    TwoThreads,
    /// The same from four threads at once.
    FourThreads,
    /// A wait that has nothing to wait for.
    AtZero,
    /// Wake a thread that is asleep in its wait, from another core.
    WakeTwoCores,
    /// The same with both threads on one core.
    WakeOneCore,
    /// Wake a thread that began to wait half a microsecond ago.
    WakeSoon,
    /// Wake a task, on a runtime with one thread.
    AsyncOne,
    /// Wake a task, on a runtime with several threads.
    AsyncMany,
    /// Release a crowd of parked tasks, on a runtime with one thread.
    CrowdOne,
    /// The same on a runtime with several threads.
    CrowdMany,
    /// Is it cancelled? On one thread.
    AskOne,
    /// The same a thousand contexts deep.
    AskDeep,
    /// The same from two threads.
    AskTwo,
    /// Derive a context that can be cancelled, and drop it.
    Child,
    /// Launch many members that do nothing, as tasks, and wait for all of them.
    Tasks,
    /// The same with threads.
    Threads,
    /// Launch many tasks and take what they return, in the order of launching.
    OrderedTasks,
    /// The same with threads.
    OrderedThreads,
    /// Many tiny members as tasks, a fixed number of them at once.
    LimitedTasks,
    /// The same with threads.
    LimitedThreads,
    /// Items through a pipeline.
    Stages,
    /// Work of some length, spread over all cores.
    Work,
    /// Hardly any work for each of many.
    TinyWork,
    /// Memory that stays resident for a member that waits.
    Resident,
    /// Allocations for a member from its launch to its end.
    Allocations,
    /// A batch of commands that do nothing.
    Batch,
    /// One command that does nothing, from start to end.
    Start,
    /// Small files, downloaded from a server on loopback.
    Fetch,
    /// Members that are registered in an engine.
    ClusterRegister,
    /// Members that do nothing, from the first one's registration to the end of the wait, on workers of other processes.
    ClusterRun,
    /// The same for groups of other sizes.
    ClusterFlat,
    /// The engine's memory for a member that waits.
    ClusterBytes,
    /// From a group's end in the engine to the end of a wait elsewhere.
    ClusterWake,
    /// From a cancel to the members that run on other workers.
    ClusterCancel,
}

/// What a row's aim is measured against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// None: the row shows what something costs.
    Nothing,
    /// At most this many times the named contestant.
    Times(f64, &'static str),
    /// At most this many times the best peer.
    BestPeer(f64),
    /// At most this much, in the row's unit.
    AtMost(f64),
    /// The same, with what it is made of.
    AtMostOf(f64, &'static str),
    /// At most this much more than the named contestant, in the row's unit.
    Above(f64, &'static str),
    /// What the named one of ours aims for instead of the others.
    For(&'static str, &'static Aim),
}

impl Row {
    pub(crate) const ALL: [Row; 37] = [
        Row::FromZero,
        Row::Beside,
        Row::Waited,
        Row::TwoThreads,
        Row::FourThreads,
        Row::AtZero,
        Row::WakeTwoCores,
        Row::WakeOneCore,
        Row::WakeSoon,
        Row::AsyncOne,
        Row::AsyncMany,
        Row::Tasks,
        Row::Threads,
        Row::OrderedTasks,
        Row::OrderedThreads,
        Row::LimitedTasks,
        Row::LimitedThreads,
        Row::Work,
        Row::TinyWork,
        Row::CrowdOne,
        Row::CrowdMany,
        Row::AskOne,
        Row::AskDeep,
        Row::AskTwo,
        Row::Child,
        Row::Stages,
        Row::Resident,
        Row::Allocations,
        Row::Batch,
        Row::Start,
        Row::Fetch,
        Row::ClusterRegister,
        Row::ClusterRun,
        Row::ClusterFlat,
        Row::ClusterBytes,
        Row::ClusterWake,
        Row::ClusterCancel,
    ];

    /// The name on the command line. What stands before the dash names the family: `1` means `1-zero` and `1-beside`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Row::FromZero => "1-zero",
            Row::Beside => "1-beside",
            Row::Waited => "1w",
            Row::TwoThreads => "2-two",
            Row::FourThreads => "2-four",
            Row::AtZero => "3",
            Row::WakeTwoCores => "4-two",
            Row::WakeOneCore => "4-one",
            Row::WakeSoon => "4s",
            Row::AsyncOne => "4a-current",
            Row::AsyncMany => "4a-multi",
            Row::Tasks => "5-task",
            Row::Threads => "5-thread",
            Row::OrderedTasks => "6-task",
            Row::OrderedThreads => "6-thread",
            Row::LimitedTasks => "7-limited",
            Row::LimitedThreads => "7-thread-limited",
            Row::Work => "8",
            Row::TinyWork => "8-tiny",
            Row::CrowdOne => "9-current",
            Row::CrowdMany => "9-multi",
            Row::AskOne => "10-one",
            Row::AskDeep => "10-deep",
            Row::AskTwo => "10-two",
            Row::Child => "10c",
            Row::Stages => "11",
            Row::Resident => "12-bytes",
            Row::Allocations => "12-allocations",
            Row::Batch => "run-batch",
            Row::Start => "run-start",
            Row::Fetch => "fetch",
            Row::ClusterRegister => "cluster-register",
            Row::ClusterRun => "cluster-run",
            Row::ClusterFlat => "cluster-flat",
            Row::ClusterBytes => "cluster-bytes",
            Row::ClusterWake => "cluster-wake",
            Row::ClusterCancel => "cluster-cancel",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Row> {
        Row::ALL.into_iter().find(|row| row.name() == name)
    }

    /// The rows that a word on the command line selects: one by its full name, or a family.
    pub(crate) fn selected_by(word: &str) -> Vec<Row> {
        let in_family = |row: &Row| row.name() == word || row.name().split('-').next() == Some(word);
        Row::ALL.into_iter().filter(in_family).collect()
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Row::FromZero => "count one out and back, one thread, from zero",
            Row::Beside => "count one out and back, one thread, one other member out",
            Row::Waited => "count one out and back while another thread is blocked in a wait",
            Row::TwoThreads => "count one out and back, two threads on one group, core time a pair",
            Row::FourThreads => "count one out and back, four threads on one group, core time a pair",
            Row::AtZero => "wait when nobody is out",
            Row::WakeTwoCores => "wake a thread that is asleep in its wait, there and back, two cores",
            Row::WakeOneCore => "the same with both threads on one core",
            Row::WakeSoon => "wake a thread that began to wait 0.5 µs ago, there and back, two cores",
            Row::AsyncOne => "wake a task that awaits the group, there and back, tokio current_thread",
            Row::AsyncMany => "wake a task that awaits the group, there and back, tokio multi_thread",
            Row::Tasks => {
                "launch and wait for 1,000,000 empty tasks (100,000 with --quick), each, tokio multi_thread"
            }
            Row::Threads => {
                "launch and wait for 1,000,000 empty closures on threads (100,000 with --quick; a thread each: 1 %), each"
            }
            Row::OrderedTasks => "the tasks of row 5-task, what they return taken in order",
            Row::OrderedThreads => "the closures of row 5-thread, what they return taken in order",
            Row::LimitedTasks => {
                "1,000,000 tiny tasks (100,000 with --quick), 64 at once, each, tokio multi_thread"
            }
            Row::LimitedThreads => {
                "1,000,000 tiny closures on threads (100,000 with --quick), 64 at once, each"
            }
            Row::Work => {
                "20 µs of computation for each of 10,000 numbers (1,000 with --quick), on all cores; × ideal: 1.02 is 0.98 of it"
            }
            Row::TinyWork => {
                "10 ns of it for each of 1,000,000 (100,000 with --quick), returned in order, each"
            }
            Row::CrowdOne => "cancel 100,000 parked tasks, each, tokio current_thread",
            Row::CrowdMany => "cancel 100,000 parked tasks, each, tokio multi_thread",
            Row::AskOne => "is it cancelled? one thread",
            Row::AskDeep => "is it cancelled? a thousand contexts deep",
            Row::AskTwo => "is it cancelled? two threads, core time a call",
            Row::Child => "a child context with its canceller, made and dropped",
            Row::Stages => {
                "1,000,000 items (100,000 with --quick) through three stages of two workers, each (33.3 ns: 30 M items/s)"
            }
            Row::Resident => "resident memory a member, 100,000 of them parked, tokio current_thread",
            Row::Allocations => "allocations a member that does nothing, tokio current_thread",
            Row::Batch => "2,000 × true (400 with --quick), two at a time, wall time",
            Row::Start => "one true, from start to end",
            Row::Fetch => {
                "10,000 files of 1 KiB (2,000 with --quick) from a server on loopback, fifty at once, wall time"
            }
            Row::ClusterRegister => {
                "10,000 members (1,000 with --quick) registered in Redis, each (50 µs: 20,000 a second)"
            }
            Row::ClusterRun => {
                "10,000 empty members (1,000 with --quick) from registering to the end of the wait, two workers, each (125 µs: 8,000 a second)"
            }
            Row::ClusterFlat => "the same for groups of other sizes (a tenth of each with --quick)",
            Row::ClusterBytes => "the engine's memory for a member that waits and carries nothing",
            Row::ClusterWake => "a wait wakes after the group's last finish",
            Row::ClusterCancel => "a cancel reaches members on two workers; a heartbeat is 1,000 ms here",
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Row::WakeTwoCores | Row::WakeOneCore | Row::WakeSoon => "µs",
            Row::ClusterRegister | Row::ClusterRun | Row::ClusterFlat => "µs",
            Row::Batch | Row::Start | Row::Fetch | Row::ClusterWake | Row::ClusterCancel => "ms",
            Row::Resident | Row::ClusterBytes => "B",
            Row::Allocations => "allocations",
            Row::Work => "× ideal",
            _ => "ns",
        }
    }

    /// What samples are taken in, as the record calls it.
    pub(crate) const fn base_unit(self) -> &'static str {
        match self {
            Row::Resident | Row::ClusterBytes => "bytes",
            Row::Allocations => "allocations",
            Row::Work => "times the ideal",
            _ => "nanos",
        }
    }

    /// This many base units make one of the row's unit.
    pub(crate) const fn per_unit(self) -> f64 {
        match self {
            Row::WakeTwoCores | Row::WakeOneCore | Row::WakeSoon => 1e3,
            Row::ClusterRegister | Row::ClusterRun | Row::ClusterFlat => 1e3,
            Row::Batch | Row::Start | Row::Fetch | Row::ClusterWake | Row::ClusterCancel => 1e6,
            _ => 1.0,
        }
    }

    /// The contestant that the ratios of the row are taken against: the cheapest thing that could do the job.
    pub(crate) const fn reference(self) -> &'static str {
        match self {
            Row::FromZero | Row::Beside | Row::Waited => "raw atomic pair",
            Row::TwoThreads | Row::FourThreads => "sharded atomic pair",
            Row::AtZero => "acquire load",
            Row::WakeTwoCores | Row::WakeOneCore => "futex",
            Row::WakeSoon => "spinning",
            Row::AsyncOne | Row::AsyncMany => "tokio Notify",
            Row::Tasks => "tokio spawn + counter",
            Row::Threads => "rayon scope",
            Row::OrderedTasks => "task::Group of row 5",
            Row::OrderedThreads => "rayon slots",
            Row::LimitedTasks | Row::LimitedThreads => "shared index",
            Row::Work => "scoped threads, shared index",
            Row::TinyWork => "rayon par_iter",
            Row::Resident | Row::Allocations => "tokio spawn",
            Row::CrowdOne | Row::CrowdMany => "notify_waiters",
            Row::AskOne | Row::AskDeep | Row::AskTwo => "a load",
            Row::Child => "an Arc made and dropped",
            Row::Stages => "batches of 64",
            Row::Batch => "xargs",
            Row::Start => "true",
            Row::Fetch => "curl -Z",
            Row::ClusterFlat => "headcount, 10³ members",
            Row::ClusterRegister
            | Row::ClusterRun
            | Row::ClusterBytes
            | Row::ClusterWake
            | Row::ClusterCancel => "Redis alone",
        }
    }

    pub(crate) const fn aims(self) -> &'static [Aim] {
        match self {
            Row::FromZero | Row::Beside => &[Aim::Times(1.1, "raw atomic pair")],
            Row::Waited => &[Aim::Nothing],
            Row::TwoThreads | Row::FourThreads => &[Aim::Times(2.0, "sharded atomic pair")],
            Row::AtZero => &[Aim::Times(1.5, "acquire load")],
            Row::WakeTwoCores | Row::WakeOneCore => &[Aim::Times(1.05, "futex")],
            Row::WakeSoon => &[Aim::AtMost(1.0)],
            Row::AsyncOne | Row::AsyncMany => &[Aim::BestPeer(1.0)],
            Row::Tasks => &[
                Aim::Times(1.1, "tokio spawn + counter"),
                Aim::Times(0.6, "JoinSet"),
                Aim::For("headcount task::map", &Aim::AtMost(50.0)),
            ],
            Row::Threads => &[Aim::Times(0.5, "rayon scope")],
            Row::OrderedTasks => &[
                Aim::Times(1.1, "task::Group of row 5"),
                Aim::Times(0.6, "JoinSet"),
                Aim::For("headcount task::map", &Aim::Times(1.1, "task::map of row 5")),
            ],
            Row::OrderedThreads => &[Aim::Times(1.1, "thread::Scope of row 5")],
            Row::LimitedTasks => &[
                Aim::Times(0.5, "Go SetLimit"),
                Aim::Times(0.6, "JoinSet + Semaphore"),
                Aim::For("headcount task::map", &Aim::Times(0.7, "buffer_unordered")),
            ],
            Row::LimitedThreads => &[Aim::Times(0.5, "Go SetLimit")],
            Row::Work => &[Aim::AtMost(1.02)],
            Row::TinyWork => &[Aim::Times(1.3, "rayon par_iter")],
            Row::CrowdOne | Row::CrowdMany => &[Aim::Times(0.9, "notify_waiters")],
            Row::AskOne | Row::AskDeep | Row::AskTwo => &[Aim::Times(1.2, "a load")],
            Row::Child => &[Aim::AtMost(60.0)],
            Row::Stages => &[
                Aim::AtMost(33.3),
                Aim::Times(1.0 / 3.0, "kanal"),
                Aim::Times(1.0 / 3.0, "kanal async"),
                Aim::Times(0.125, "Go channels"),
            ],
            Row::Resident => &[Aim::AtMost(400.0), Aim::For("headcount task::map", &Aim::AtMost(176.0))],
            // A page is shared by up to 64 members and has a handful of allocations: a tenth of one for each of them.
            Row::Allocations => &[
                Aim::AtMostOf(1.2, "1 of its own, and a share of a page"),
                Aim::For("headcount task::map", &Aim::AtMost(0.0)),
            ],
            Row::Batch => &[Aim::Times(0.80, "xargs")],
            Row::Start => &[Aim::Above(3.0, "true")],
            Row::Fetch => &[Aim::Times(1.0, "curl -Z")],
            Row::ClusterRegister => &[Aim::AtMost(50.0)],
            Row::ClusterRun => &[Aim::AtMost(125.0), Aim::Times(0.2, "Celery chord")],
            // Flat: what a member costs does not grow with the group, give or take what two runs differ by.
            Row::ClusterFlat => &[Aim::Times(1.1, "headcount, 10³ members")],
            Row::ClusterBytes => &[Aim::AtMost(120.0)],
            Row::ClusterWake => &[Aim::AtMost(50.0)],
            Row::ClusterCancel => &[Aim::AtMost(1_000.0)],
        }
    }
}
