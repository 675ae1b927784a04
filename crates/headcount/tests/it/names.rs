//! Names: everything that may be one, and that cloning copies no text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use headcount::Name;

#[test]
fn every_kind_of_text_makes_a_name() {
    let names = [
        Name::from("n"),
        Name::from(String::from("n")),
        Name::from(String::from("n").into_boxed_str()),
        Name::from(Arc::<str>::from("n")),
        Name::from(Cow::Borrowed("n")),
        Name::from(Cow::<'static, str>::Owned("n".into())),
    ];
    assert!(names.iter().all(|name| name.as_str() == "n" && name.as_ref() == "n"));
    assert_eq!(names.into_iter().collect::<HashSet<_>>().len(), 1);
}

#[test]
fn a_clone_shares_the_text() {
    let name = Name::from(String::from("long enough"));
    assert_eq!(name.clone().as_str().as_ptr(), name.as_str().as_ptr());
}

#[test]
fn a_name_prints_as_text_and_debugs_as_quoted() {
    let name = Name::from("sku \"42\"");
    assert_eq!(format!("{name:>10}|{name:?}"), "  sku \"42\"|\"sku \\\"42\\\"\"");
}
