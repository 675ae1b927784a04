//! What a panic leaves behind: payloads unchanged, texts of one line, and destructors that panic themselves.

use std::panic::{self, catch_unwind, panic_any};

use headcount::{PanicReport, Panics};

fn report(f: impl FnOnce() + panic::UnwindSafe) -> PanicReport {
    PanicReport::new(catch_unwind(f).unwrap_err())
}

#[test]
fn a_message_is_found_in_both_kinds_of_text() {
    assert_eq!(report(|| panic!("out of cheese")).message(), Some("out of cheese"));
    let sort = "cheddar";
    assert_eq!(report(|| panic!("out of {sort}")).message(), Some("out of cheddar"));
    assert_eq!(report(|| panic_any(42)).message(), None);
}

#[test]
fn its_text_is_one_line() {
    assert_eq!(report(|| panic!("out of cheese")).to_string(), "out of cheese");
    assert_eq!(report(|| panic!(" one\n\n  two \n")).to_string(), "one, two");
    assert_eq!(
        report(|| assert_eq!(1, 2)).to_string(),
        "assertion `left == right` failed, left: 1, right: 2"
    );
    assert_eq!(report(|| panic_any(42)).to_string(), "a payload that is no text");
    assert_eq!(report(|| panic!("")).to_string(), "an empty message");
    assert_eq!(format!("{:?}", report(|| panic!("a\nb"))), r#"PanicReport { message: Some("a\nb"), .. }"#);
}

#[test]
fn the_payload_comes_back_unchanged() {
    let payload: Box<dyn std::any::Any + Send> = Box::new(vec![1, 2, 3]);
    let address = payload.downcast_ref::<Vec<i32>>().unwrap().as_ptr();
    let back = PanicReport::new(payload).into_payload().downcast::<Vec<i32>>().unwrap();
    assert_eq!(*back, [1, 2, 3]);
    assert_eq!(back.as_ptr(), address);
}

/// A payload whose destructor panics, with one more of its kind.
struct Hydra;

impl Drop for Hydra {
    fn drop(&mut self) {
        panic_any(Hydra);
    }
}

#[test]
fn a_payload_that_panics_when_dropped_is_dropped_quietly() {
    drop(PanicReport::new(Box::new(Hydra)));
    // Also while another panic is on its way, where a second one would end the process.
    let payload = catch_unwind(|| {
        let _report = PanicReport::new(Box::new(Hydra));
        panic!("the first");
    });
    assert_eq!(payload.unwrap_err().downcast_ref::<&str>(), Some(&"the first"));
}

#[test]
fn panics_go_on_unless_asked_otherwise() {
    assert_eq!(Panics::default(), Panics::Resume);
}
