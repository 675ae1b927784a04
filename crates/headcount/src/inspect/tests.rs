//! What this process says of itself, and where it would keep its socket.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::{Receiver, Sender};

use super::census::{Ask, Census, Group, Inside};
use super::place;
use crate::{Context, WaitGroup, thread};

/// The group of this name: other tests run beside this one.
fn of<'c>(census: &'c Census, name: &str) -> &'c Group {
    let mut all = census.groups.iter();
    all.find(|group| group.name.as_deref() == Some(name))
        .unwrap_or_else(|| panic!("no {name:?} in {census:#?}"))
}

/// Runs `look` while an outer group has a member that runs an inner group, whose members wait; one of two has a slot.
fn nested(outer: &'static str, inner: &'static str, look: impl FnOnce()) {
    let (begun, both): (Sender<()>, Receiver<()>) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let ctx = Context::background();
    let all = thread::Scope::new(&ctx).named(outer).run(|group| {
        group.spawn_named("the parent", |ctx| {
            thread::Scope::new(ctx).named(inner).limit(1).run(|group| {
                let spawned = begun.clone();
                group.spawn_named("holds the slot", move |_| {
                    begun.send(()).expect("somebody listens");
                    // Until they have looked.
                    let _ = gone.recv();
                    crate::ok(())
                });
                group.spawn_named("queues", |_| crate::ok(()));
                spawned.send(()).expect("somebody listens");
                crate::ok(())
            })
        });
        both.iter().take(2).for_each(drop);
        look();
        drop(go);
        crate::ok(())
    });
    assert_eq!(all.unwrap().len(), 1);
}

#[test]
fn a_group_stands_inside_of_the_member_that_made_it() {
    nested("outer 1", "inner 1", || {
        let census = Census::take(&Ask::members(10));
        let (outer, inner) = (of(&census, "outer 1"), of(&census, "inner 1"));
        assert_eq!((outer.out, outer.inside), (1, None));
        assert_eq!((inner.out, inner.total, inner.limit), (2, Some(2), Some(1)));
        assert_eq!(inner.inside, Some(Inside { group: outer.id, number: 1 }));
        assert!(inner.place.as_deref().is_some_and(|place| place.contains("inspect/tests.rs:")), "{inner:?}");
        let stands: Vec<_> =
            inner.members.iter().map(|member| (member.name.as_deref(), &*member.state)).collect();
        assert_eq!(stands, [(Some("holds the slot"), "running"), (Some("queues"), "queued")]);
        assert_eq!(inner.members[1].waits_for.as_deref(), Some("a slot"));
        assert!(
            outer.members[0].waits_for.as_deref().is_some_and(|what| what.contains("inner 1")),
            "{outer:?}"
        );
        assert_eq!(census.pid, std::process::id());
    });
}

#[test]
fn who_is_looked_for_is_told_with_those_above_and_nobody_else() {
    nested("outer 2", "inner 2", || {
        let census = Census::take(&Ask::member("queues"));
        let inner: Vec<_> = of(&census, "inner 2").members.iter().map(|member| member.number).collect();
        assert_eq!(inner, [2]);
        let above: Vec<_> =
            of(&census, "outer 2").members.iter().map(|member| member.name.as_deref()).collect();
        assert_eq!(above, [Some("the parent")]);
    });
}

#[test]
fn a_summary_counts_and_tells_of_no_member() {
    nested("outer 3", "inner 3", || {
        let census = Census::take(&Ask::summary());
        let inner = of(&census, "inner 3");
        assert_eq!((inner.out, inner.members.len()), (2, 0));
        assert!(inner.oldest_ms.is_some());
    });
}

#[test]
fn of_many_members_those_are_told_who_were_asked_for() {
    let group = WaitGroup::tracked();
    let place = format!("inspect/tests.rs:{}", line!() - 1);
    let tokens: Vec<_> = (0..100).map(|_| group.add()).collect();
    let census = Census::take(&Ask::members(7));
    let is_ours = |group: &&Group| group.place.as_deref().is_some_and(|at| at.ends_with(&place));
    let ours = census.groups.iter().find(is_ours).unwrap_or_else(|| panic!("{census:#?}"));
    assert_eq!((ours.what.as_str(), ours.out, ours.members.len()), ("wait group", 100, 7));
    drop(tokens);
    let census = Census::take(&Ask::members(7));
    assert!(!census.groups.iter().any(|group| is_ours(&group)), "nobody is out in it");
}

/// A directory of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("headcount-test-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn sockets_are_kept_where_nobody_else_comes() {
    let folder = Folder::new("place");
    let own = folder.0.join("own");
    place::prepare(&own).unwrap();
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
    place::prepare(&own).unwrap();

    let refused = |path: PathBuf, why: &str| {
        let error = place::prepare(&path).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    };
    for mode in [0o750, 0o701, 0o770, 0o777] {
        fs::set_permissions(&own, Permissions::from_mode(mode)).unwrap();
        refused(own.clone(), "others than its owner");
    }
    fs::set_permissions(&own, Permissions::from_mode(0o700)).unwrap();
    let link = folder.0.join("link");
    symlink(&own, &link).unwrap();
    refused(link, "no directory");
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    refused(file, "no directory");
}
