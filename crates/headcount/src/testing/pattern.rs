//! Who may stay: patterns of names and places.

/// Whether `pattern` is found in `text`. A `*` in it stands for anything, also for nothing.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    // Leftmost is right: nothing after a `*` is lost by having begun early.
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_is_part_of_the_text_and_a_star_is_anything() {
        for (pattern, text) in
            [("cache", "the cache"), ("src/*.rs:1", "src/a/b.rs:12"), ("a*c*e", "xabcdey"), ("*", "")]
        {
            assert!(fits(pattern, text), "{pattern} in {text}");
        }
        for (pattern, text) in
            [("cache", "cash"), ("a*b", "ba"), ("aa*a", "aa"), ("src/*.rs:9", "src/a.rs:12")]
        {
            assert!(!fits(pattern, text), "{pattern} not in {text}");
        }
    }
}
