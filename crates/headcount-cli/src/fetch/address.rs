//! Addresses: what is asked for, and what of it is shown.
//!
//! A password in an address is for the server alone. Whatever is printed, stored or told to others comes from
//! [`Address::shown`], where it is masked.

use reqwest::Url;

use crate::legible;

/// Stands for a user's name and password.
const MASK: &str = "***";

/// One input.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// What is asked for, or what is wrong with the input and a hint.
    pub(crate) url: Result<Url, (String, &'static str)>,
    /// For people: on one line, without credentials.
    pub(crate) shown: String,
    /// For files: the bytes, without credentials.
    pub(super) kept: Vec<u8>,
    /// There are some.
    pub(super) is_secret: bool,
}

impl Address {
    pub(crate) fn read(input: &[u8]) -> Self {
        match parse(input) {
            Ok(url) => {
                let shown = show(&url);
                Self { kept: shown.clone().into_bytes(), is_secret: has_user(&url), shown, url: Ok(url) }
            }
            Err(why) => {
                let kept = mask(input);
                Self { shown: legible::one_line(&kept), kept, is_secret: false, url: Err(why) }
            }
        }
    }
}

fn parse(input: &[u8]) -> Result<Url, (String, &'static str)> {
    const WHOLE: &str = "write it in full: https://example.org/file";
    let Ok(text) = std::str::from_utf8(input) else {
        return Err(("the address is not UTF-8".into(), "write other bytes as %XX"));
    };
    if text.trim().is_empty() {
        return Err(("an empty line is no address".into(), "leave empty lines out"));
    }
    let url = Url::parse(text).map_err(|error| (format!("this is no address: {error}"), WHOLE))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err((format!("{}: is not fetched, only http: and https: are", url.scheme()), WHOLE));
    }
    Ok(url)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// A URL for people: without credentials, on one line, and without the fragment, which is never asked for.
pub(super) fn show(url: &Url) -> String {
    if url.fragment().is_none() && !has_user(url) {
        return url.as_str().to_owned();
    }
    let mut url = url.clone();
    url.set_fragment(None);
    if has_user(&url) {
        // Only for URLs that cannot have a user, which this one has.
        let _ = url.set_password(None);
        let _ = url.set_username(MASK);
    }
    url.into()
}

/// The same for what is no URL: everything between `//` and the last `@` before the path.
fn mask(input: &[u8]) -> Vec<u8> {
    let Some(begin) = input.windows(2).position(|pair| pair == b"//").map(|at| at + 2) else {
        return input.to_vec();
    };
    let end =
        input[begin..].iter().position(|byte| b"/?#".contains(byte)).map_or(input.len(), |at| begin + at);
    match input[begin..end].iter().rposition(|&byte| byte == b'@') {
        Some(at) => [&input[..begin], MASK.as_bytes(), &input[begin + at..]].concat(),
        None => input.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn credentials_are_never_shown() {
        for (given, shown) in [
            ("http://me:secret@h/a?b#c", "http://***@h/a?b"),
            ("http://me@h/a", "http://***@h/a"),
            ("http://:secret@h/", "http://***@h/"),
            ("http://h/a@b", "http://h/a@b"),
            ("http://me:sec@ret@h:x/a", "http://***@h:x/a"),
            ("ftp://me:secret@h/a", "ftp://***@h/a"),
        ] {
            assert_eq!(Address::read(given.as_bytes()).shown, shown, "for {given}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_says_why() {
        for (given, why) in [
            (&b""[..], "an empty line is no address"),
            (b" \r", "an empty line is no address"),
            (b"example.org/a", "this is no address: relative URL without a base"),
            (b"ftp://h/a", "ftp: is not fetched, only http: and https: are"),
            (b"http://h/\xff", "the address is not UTF-8"),
            (b"http://", "this is no address: empty host"),
        ] {
            assert_eq!(Address::read(given).url.unwrap_err().0, why);
        }
    }
}
