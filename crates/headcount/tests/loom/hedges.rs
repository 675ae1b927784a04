//! Models of two calls of one body: rules A1 to A3 of `attempt::race`.

use std::sync::Arc;

use headcount::thread::model::Race;
use loom::thread;

use crate::{Slot, check};

models! {
    /// A1: either the second call never begins, or what it did is seen when the first is over.
    a_second_call_that_begins_is_waited_for, 3 => {
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        let race = Race::new(move |_| { filled.fill(); Ok(2) });
        let later = race.clone();
        let watch = thread::spawn(move || later.second());
        assert!(matches!(race.first(|_| Ok(1)), Ok(1 | 2)));
        let seen = slot.read();
        assert_eq!(seen == 1, watch.join().unwrap(), "it began afterwards");
    }

    /// A3, and A2: the first call waits for the second's value, and is told of it.
    the_first_call_is_told_of_a_value, 3 => {
        let race = Race::new(|_| Ok(2));
        let later = race.clone();
        let watch = thread::spawn(move || assert!(later.second()));
        // A failure that is a consequence.
        assert_eq!(race.first(|ctx| { ctx.wait(); Err("told") }), Ok(2));
        watch.join().unwrap();
    }

    /// The same the other way round, if the second begins at all.
    the_second_call_is_told_of_a_value, 3 => {
        let race = Race::new(|ctx| { ctx.wait(); Err("told") });
        let later = race.clone();
        let watch = thread::spawn(move || later.second());
        assert_eq!(race.first(|_| Ok(1)), Ok(1));
        watch.join().unwrap();
    }

    /// A2: of a failure and a value the value counts, whichever comes first.
    a_value_counts_before_a_failure, 3 => {
        let race = Race::new(|_| Ok(2));
        let later = race.clone();
        let watch = thread::spawn(move || later.second());
        let counts = race.first(|_| Err("failed"));
        let expected = if watch.join().unwrap() { Ok(2) } else { Err(String::from("failed")) };
        assert_eq!(counts, expected);
    }
}
