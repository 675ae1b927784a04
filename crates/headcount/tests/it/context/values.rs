//! Values: found by type, the nearest first, with the context they were given to and those below.

use headcount::Context;

#[derive(Debug, PartialEq)]
struct Name(&'static str);

#[test]
fn a_value_is_seen_below_and_not_above_or_beside() {
    let root = Context::background();
    let ctx = root.with_value(Name("a")).with_value(1_u8);
    let (child, _child) = ctx.with_cancel();
    assert_eq!((child.value(), child.value()), (Some(&Name("a")), Some(&1_u8)));
    assert_eq!((root.value::<Name>(), root.with_value(2_u16).value::<u8>()), (None, None));
}

#[test]
fn a_nearer_value_hides_one_of_the_same_type() {
    let outer = Context::background().with_value(Name("outer"));
    let inner = outer.with_value(Name("inner"));
    assert_eq!((outer.value(), inner.value()), (Some(&Name("outer")), Some(&Name("inner"))));
}

#[test]
fn values_do_not_make_contexts() {
    let (ctx, canceller) = Context::background().with_cancel();
    let with = ctx.with_value(3_u8);
    assert_eq!(ctx.children(), 0);
    canceller.cancel();
    assert!(with.is_cancelled());
}

#[test]
fn a_hundred_thousand_values_are_dropped_without_recursion() {
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(|| {
            let mut ctx = Context::background().with_value(Name("first"));
            for n in 0..100_000_u32 {
                ctx = ctx.with_value(n);
            }
            assert_eq!((ctx.value(), ctx.value()), (Some(&99_999_u32), Some(&Name("first"))));
        })
        .unwrap()
        .join()
        .unwrap();
}
