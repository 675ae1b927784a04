//! Who is out: what is listed, in which order, in which words.

use std::time::Duration;

use headcount::{RollCall, WaitGroup};

fn names(roll_call: &RollCall) -> Vec<Option<&str>> {
    roll_call.iter().map(|member| member.name()).collect()
}

/// The text without the ages, which no two runs share, and without the folder.
fn text(roll_call: &RollCall) -> String {
    let ageless = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(unit) = words.iter().position(|word| ["ms", "s"].contains(word)) {
            words.drain(unit - 1..=unit);
        }
        words.join(" ").replace("crates/headcount/", "")
    };
    roll_call.to_string().lines().map(ageless).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_untracked_group_lists_the_named_and_counts_the_others() {
    let group = WaitGroup::new();
    let _unnamed = [group.add(), group.add()];
    let _named = [group.add_named("a"), group.add_named(format!("b{}", 1))];
    let roll_call = group.roll_call();
    assert_eq!(names(&roll_call), [Some("a"), Some("b1")]);
    assert_eq!((roll_call.outstanding(), roll_call.unlisted_count()), (4, 2));
    assert!(!roll_call.is_empty());
}

#[test]
fn a_tracked_group_lists_everyone_with_place_and_age() {
    let group = WaitGroup::tracked();
    let (_first, line) = (group.add(), line!());
    let _second = group.add_named("second");
    let roll_call = group.roll_call();
    assert_eq!(names(&roll_call), [None, Some("second")]);
    let first = roll_call.iter().next().unwrap();
    assert!(first.place().file().ends_with("roll_call.rs"));
    assert_eq!((first.place().line(), first.number(), first.count()), (line, 1, 1));
    assert!(first.age().unwrap() < Duration::from_secs(60));
    assert_eq!(roll_call.unlisted_count(), 0);
}

#[test]
fn who_is_back_is_not_listed() {
    let group = WaitGroup::tracked();
    let mut tokens: Vec<_> = ["a", "b", "c"].map(|name| group.add_named(name)).into();
    drop(tokens.remove(1));
    assert_eq!(names(&group.roll_call()), [Some("a"), Some("c")]);
    let _d = group.add_named("d");
    let roll_call = group.roll_call();
    assert_eq!(names(&roll_call), [Some("a"), Some("c"), Some("d")]);
    assert_eq!(roll_call.iter().map(|member| member.number()).collect::<Vec<_>>(), [1, 3, 4]);
    drop(tokens);
    drop(_d);
    assert!(group.roll_call().is_empty());
    assert_eq!(group.roll_call().iter().count(), 0);
}

#[test]
fn a_clone_is_listed_under_its_name_and_its_own_place() {
    let group = WaitGroup::new();
    let token = group.add_named("parent");
    let (_child, line) = (token.clone(), line!());
    drop(token);
    let roll_call = group.roll_call();
    assert_eq!(names(&roll_call), [Some("parent")]);
    assert_eq!(roll_call.iter().next().unwrap().place().line(), line);
}

#[test]
fn a_block_of_tokens_is_one_line_until_it_is_split_up() {
    let group = WaitGroup::tracked();
    let mut tokens = group.add_many(10);
    let numbers = |group: &WaitGroup| -> Vec<(u64, usize)> {
        let mut lines: Vec<_> =
            group.roll_call().iter().map(|member| (member.number(), member.count())).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(numbers(&group), [(1, 10)]);
    let one = tokens.next().unwrap();
    assert_eq!(numbers(&group), [(1, 1), (2, 9)]);
    let part = tokens.split_off(4);
    assert_eq!(numbers(&group), [(1, 1), (2, 5), (7, 4)]);
    let listed: Vec<_> = group.roll_call().iter().map(|member| member.number()).collect();
    assert_eq!(listed, [1, 2, 7], "who went out together stands in the order of the numbers");
    drop(one);
    assert_eq!(numbers(&group), [(2, 5), (7, 4)]);
    drop(tokens);
    assert_eq!(numbers(&group), [(7, 4)]);
    let rest: Vec<_> = part.collect();
    assert_eq!(numbers(&group), [(7, 1), (8, 1), (9, 1), (10, 1)]);
    drop(rest);
    assert!(numbers(&group).is_empty());
}

#[test]
fn the_text_has_a_heading_a_line_for_each_and_a_word_for_the_rest() {
    let group = WaitGroup::new();
    let _unnamed = group.add();
    let _named = [group.add_named("sku 42"), group.add_named("x")];
    let text = text(&group.roll_call());
    let lines: Vec<_> = text.lines().map(|line| line.split(".rs:").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "wait group (tests/it/roll_call",
            "#1 \"sku 42\" out tests/it/roll_call",
            "#2 \"x\" out tests/it/roll_call",
            "and 1 that is not listed (unnamed, in a group that is not tracked)",
        ]
    );
    assert!(text.lines().next().unwrap().ends_with("3 still out"));
}

#[test]
fn the_columns_stand_under_each_other() {
    let group = WaitGroup::new();
    let _named = [group.add_named("a much longer name"), group.add_named("x")];
    let text = group.roll_call().to_string();
    let columns: Vec<_> = text.lines().skip(1).map(|line| line.find("  out  ").unwrap()).collect();
    assert_eq!(columns[0], columns[1], "{text}");
}

#[test]
fn names_cannot_break_the_lines() {
    let group = WaitGroup::new();
    let _named = group.add_named("two\nlines\u{1b}[31m");
    let text = group.roll_call().to_string();
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains(r#""two\nlines\u{1b}[31m""#), "{text}");
}

#[test]
fn a_name_of_any_length_leaves_a_line_that_can_be_read() {
    let group = WaitGroup::new();
    let _tokens = ["short".to_owned(), "ü\n".repeat(100_000)].map(|name| group.add_named(name));
    let text = group.roll_call().to_string();
    assert!(text.contains("\"short\"") && text.contains("\"ü\\nü\\n") && text.contains("\"…"), "{text}");
    assert!(text.lines().count() == 3 && text.lines().all(|line| line.chars().count() < 400), "{text}");
}

#[test]
fn a_crowd_is_cut_at_twenty_lines_unless_all_are_asked_for() {
    let group = WaitGroup::tracked();
    let _tokens: Vec<_> = (0..1000).map(|_| group.add()).collect();
    let roll_call = group.roll_call();
    assert_eq!(roll_call.iter().count(), 1000);
    let text = roll_call.to_string();
    assert_eq!(text.lines().count(), 22);
    assert!(text.ends_with("and 980 more, out for a shorter time"), "{text}");
    assert_eq!(format!("{roll_call:#}").lines().count(), 1001);
}

#[test]
fn nobody_out_is_said_so() {
    let group = WaitGroup::new();
    assert!(group.roll_call().to_string().ends_with(": nobody is out"));
    assert!(group.roll_call().place().unwrap().file().ends_with("roll_call.rs"));
}

#[test]
fn an_error_is_the_same_text_with_what_was_asked() {
    let group = WaitGroup::new();
    let _token = group.add_named("late");
    let error = group.wait_timeout(Duration::from_millis(2)).unwrap_err();
    let text = error.to_string();
    let heading = text.lines().next().unwrap();
    assert!(heading.contains("1 still out after") && heading.contains("waited for at"), "{text}");
    assert!(text.lines().nth(1).unwrap().contains("\"late\""), "{text}");
    assert!(format!("{error:?}").contains("\"late\""), "unwrap shows it too");
    assert_eq!(error.clone().into_roll_call().outstanding(), 1);
    assert!(std::error::Error::source(&error).is_none());
}
