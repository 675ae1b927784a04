//! What rolls look like, word for word, from members that are made up.

use std::panic::Location;
use std::time::Duration;

use super::tree::{RollNode, RollTree};
use super::{Heading, Missing, Name, RollCall, State};
use crate::roll::Title;
use crate::who::threads::{Pause, Seen};

fn here() -> &'static Location<'static> {
    Location::caller()
}

fn elsewhere() -> &'static Location<'static> {
    Location::caller()
}

fn member(number: u64, name: &str, ms: u64, state: State) -> Missing {
    let name = (!name.is_empty()).then(|| Name::from(name.to_owned()));
    Missing::member(number, name, here(), Some(Duration::from_millis(ms)), state)
}

fn group(name: &str, limit: Option<usize>, total: usize, missing: Vec<Missing>) -> RollCall {
    let name = (!name.is_empty()).then(|| Name::from(name.to_owned()));
    RollCall::of_group(
        Heading { what: "group", name, place: Some(here()), total: Some(total), limit },
        missing,
    )
}

fn node(roll_call: RollCall, member: Option<u64>, children: Vec<RollNode>) -> RollNode {
    RollNode { roll_call, member, children }
}

/// Two levels: a member runs a map; one waits for another group; one queues.
fn shop() -> RollTree {
    let mut seen = Seen::default();
    seen.put(7, 3, "worker-1", Pause::None);
    seen.put(7, 7, "worker-2", Pause::Sleep);
    seen.put_wait(7, 3, Title::of_map(here()));
    let out = [
        member(3, "sku 42", 4980, State::Running).stoppable(true),
        member(7, "sku 77", 1200, State::Cancelled),
        member(12, "", 340, State::Queued).stoppable(true),
    ];
    let out = out.into_iter().map(|member| member.seen(7, true, &seen)).collect();
    let pages = vec![member(1, "", 4100, State::Running), member(2, "", 4100, State::Running)];
    let heading = Heading { what: "map", name: None, place: Some(here()), total: None, limit: Some(2) };
    let map = node(RollCall::of_group(heading, pages), Some(3), Vec::new());
    let waiters = node(RollCall::of_waiters(2), None, Vec::new());
    let groups = vec![node(group("prices", Some(2), 12, out), None, vec![map]), waiters];
    RollTree { groups, coloured: false }
}

#[test]
fn a_tree_is_told_with_members_below_those_who_made_their_groups() {
    insta::assert_snapshot!(shop(), @r#"
    prices: 3 of 12 still out (limit 2)
      #3   "sku 42"  running    4.98 s  crates/headcount/src/roll/golden.rs:12  (waits for map (crates/headcount/src/roll/golden.rs:12), on thread worker-1)
        map (crates/headcount/src/roll/golden.rs:12): 2 still out (limit 2)
          #1  running  4.10 s  crates/headcount/src/roll/golden.rs:12  (cannot be stopped)
          #2  running  4.10 s  crates/headcount/src/roll/golden.rs:12  (cannot be stopped)
      #7   "sku 77"  cancelled  1.20 s  crates/headcount/src/roll/golden.rs:12  (waits for time to pass, cannot be stopped, on thread worker-2)
      #12            queued     340 ms  crates/headcount/src/roll/golden.rs:12  (waits for a slot)
    context: 2 waiting for it
    "#);
}

#[test]
fn colours_come_only_when_they_are_asked_for() {
    assert!(!shop().to_string().contains('\x1b'));
    let coloured = shop().coloured(true).to_string();
    assert!(coloured.contains("\x1b[33mqueued   \x1b[0m"), "{coloured}");
    assert_eq!(without_colours(coloured), shop().to_string());
}

fn without_colours(mut text: String) -> String {
    for code in ["1", "2", "31", "32", "33", "0"] {
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    text
}

#[test]
fn a_roll_call_says_what_is_known_and_is_coloured_like_the_tree() {
    let call = shop().groups[0].roll_call().clone();
    insta::assert_snapshot!(call, @r#"
    prices: 3 of 12 still out (limit 2)
      #3   "sku 42"  running    4.98 s  crates/headcount/src/roll/golden.rs:12  (waits for map (crates/headcount/src/roll/golden.rs:12), on thread worker-1)
      #7   "sku 77"  cancelled  1.20 s  crates/headcount/src/roll/golden.rs:12  (waits for time to pass, on thread worker-2)
      #12            queued     340 ms  crates/headcount/src/roll/golden.rs:12  (waits for a slot)
    "#);
    let plain = call.to_string();
    let coloured = call.coloured(true).to_string();
    assert!(coloured.starts_with("\x1b[1mprices: 3 of 12 still out\x1b[0m (limit 2)\n"), "{coloured}");
    assert!(coloured.contains("\x1b[31mcancelled\x1b[0m"), "{coloured}");
    assert_eq!(without_colours(coloured), plain);
}

#[test]
fn thousands_are_counted_by_the_place_where_they_were_launched() {
    let mut all: Vec<_> =
        (1..=5000).map(|n| member(n, "", 9000 - n, State::Running).stoppable(true)).collect();
    for n in 5001..=5003 {
        let age = Some(Duration::from_millis(5));
        all.push(Missing::member(n, None, elsewhere(), age, State::Queued).stoppable(true));
    }
    let map = node(group("late", None, 1, vec![member(1, "", 1, State::Running)]), Some(4000), Vec::new());
    let tree =
        RollTree { groups: vec![node(group("crowd", None, 5003, all), None, vec![map])], coloured: false };
    let text = tree.to_string();
    let tail: Vec<&str> = text.lines().skip(18).collect();
    insta::assert_snapshot!(tail.join("\n"), @r"
    #18    running  8.98 s  crates/headcount/src/roll/golden.rs:12
    #19    running  8.98 s  crates/headcount/src/roll/golden.rs:12
    #20    running  8.98 s  crates/headcount/src/roll/golden.rs:12
    #4000  running  5.00 s  crates/headcount/src/roll/golden.rs:12
      late: 1 of 1 still out
        #1  running  1 ms  crates/headcount/src/roll/golden.rs:12  (cannot be stopped)
    and 4979 more running, launched at crates/headcount/src/roll/golden.rs:12, for up to 8.98 s
    and 3 more queued, launched at crates/headcount/src/roll/golden.rs:16, for up to 5 ms
    ");
    assert_eq!(format!("{tree:#}").lines().count(), 1 + 5003 + 2, "all of them, if asked");
}

#[test]
fn nobody_is_told_as_nobody() {
    insta::assert_snapshot!(RollTree { groups: Vec::new(), coloured: true }, @"nobody is out");
}

#[cfg(feature = "serde")]
#[test]
fn a_tree_is_json_with_names_that_stay() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&shop()).unwrap(), @r#"
    {
      "outstanding": 7,
      "groups": [
        {
          "kind": "group",
          "name": "prices",
          "place": "crates/headcount/src/roll/golden.rs:12",
          "outstanding": 3,
          "total": 12,
          "limit": 2,
          "unlisted": 0,
          "missing": [
            {
              "number": 3,
              "count": 1,
              "name": "sku 42",
              "state": "running",
              "age_ms": 4980,
              "place": "crates/headcount/src/roll/golden.rs:12",
              "can_be_stopped": true,
              "waits_for": {
                "kind": "group",
                "title": "map (crates/headcount/src/roll/golden.rs:12)"
              },
              "thread": "worker-1"
            },
            {
              "number": 7,
              "count": 1,
              "name": "sku 77",
              "state": "cancelled",
              "age_ms": 1200,
              "place": "crates/headcount/src/roll/golden.rs:12",
              "can_be_stopped": false,
              "waits_for": {
                "kind": "sleep",
                "title": null
              },
              "thread": "worker-2"
            },
            {
              "number": 12,
              "count": 1,
              "name": null,
              "state": "queued",
              "age_ms": 340,
              "place": "crates/headcount/src/roll/golden.rs:12",
              "can_be_stopped": true,
              "waits_for": {
                "kind": "slot",
                "title": null
              },
              "thread": null
            }
          ],
          "member": null,
          "children": [
            {
              "kind": "map",
              "name": null,
              "place": "crates/headcount/src/roll/golden.rs:12",
              "outstanding": 2,
              "total": null,
              "limit": 2,
              "unlisted": 0,
              "missing": [
                {
                  "number": 1,
                  "count": 1,
                  "name": null,
                  "state": "running",
                  "age_ms": 4100,
                  "place": "crates/headcount/src/roll/golden.rs:12",
                  "can_be_stopped": false,
                  "waits_for": null,
                  "thread": null
                },
                {
                  "number": 2,
                  "count": 1,
                  "name": null,
                  "state": "running",
                  "age_ms": 4100,
                  "place": "crates/headcount/src/roll/golden.rs:12",
                  "can_be_stopped": false,
                  "waits_for": null,
                  "thread": null
                }
              ],
              "member": 3,
              "children": []
            }
          ]
        },
        {
          "kind": "context",
          "name": null,
          "place": null,
          "outstanding": 2,
          "total": null,
          "limit": null,
          "unlisted": 2,
          "missing": [],
          "member": null,
          "children": []
        }
      ]
    }
    "#);
}

#[cfg(feature = "serde")]
#[test]
fn a_roll_call_and_a_member_are_json_too() {
    let call = group("", None, 1, vec![member(1, "the reader", 12, State::Out)]);
    insta::assert_snapshot!(serde_json::to_string(&call).unwrap(), @r#"{"kind":"group","name":null,"place":"crates/headcount/src/roll/golden.rs:12","outstanding":1,"total":1,"limit":null,"unlisted":0,"missing":[{"number":1,"count":1,"name":"the reader","state":"out","age_ms":12,"place":"crates/headcount/src/roll/golden.rs:12","can_be_stopped":false,"waits_for":null,"thread":null}]}"#);
    let first = call.iter().next().unwrap();
    assert!(serde_json::to_string(&call).unwrap().contains(&serde_json::to_string(first).unwrap()));
}
