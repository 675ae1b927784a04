//! What a server's answer means. Pure: from status and headers to what its body is, or to what is wrong.
//!
//! A file is gone on with only if the server says that it is still the same one: the part was begun with a *validator* (a
//! strong `ETag`, or a `Last-Modified` that is a minute older than the answer), it was asked for in `If-Range`, and the
//! answer is 206 from the very byte that was asked for, of a file as large as before, with no other validator.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER,
};

use super::trouble::{Next, Trouble};
use crate::legible;

/// A date that is older than this when it is told does not change unseen.
const SETTLED: Duration = Duration::from_secs(60);

/// By what a file is known to be the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validator {
    Etag(String),
    Modified(String),
}

impl Validator {
    /// As it stands in `If-Range`.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Etag(text) | Self::Modified(text) => text,
        }
    }

    fn of(headers: &HeaderMap) -> Option<Self> {
        match text(headers, &ETAG) {
            // One that is weak says that the file is about the same.
            Some(etag) if etag.starts_with('"') && etag.len() > 1 => return Some(Self::Etag(etag.into())),
            _ => {}
        }
        let modified = text(headers, &LAST_MODIFIED)?;
        let date = |text| httpdate::parse_http_date(text).ok();
        let age = date(text(headers, &DATE)?)?.duration_since(date(modified)?).ok()?;
        (age >= SETTLED).then(|| Self::Modified(modified.into()))
    }

    /// Whether the answer speaks of another file than this one.
    fn is_denied_by(&self, headers: &HeaderMap) -> bool {
        let header = match self {
            Self::Etag(_) => ETAG,
            Self::Modified(_) => LAST_MODIFIED,
        };
        text(headers, &header).is_some_and(|now| now != self.text())
    }
}

/// What was asked for beyond the address.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The first byte.
    pub(super) from: u64,
    /// How large the file was, if that was said.
    pub(super) size: Option<u64>,
    pub(super) validator: Validator,
}

/// What the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// The place of its first byte in the file.
    pub(super) from: u64,
    /// The size of the whole file, where known.
    pub(super) size: Option<u64>,
    pub(super) validator: Option<Validator>,
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, &CONTENT_LENGTH)?.parse().ok()
}

/// Reads the answer.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, asked: Option<&Asked>) -> Result<Body, Trouble> {
    match (status, asked) {
        (StatusCode::PARTIAL_CONTENT, Some(asked)) => rest(headers, asked),
        (StatusCode::PARTIAL_CONTENT, None) => Err(Trouble::lasting(
            "the server sent a part of the file, and was asked for all of it (206)",
            "this server is out of order; another one may have the file",
        )),
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
            Err(Trouble::stale("the file has become shorter than what was there of it (416)"))
        }
        _ if status.is_success() => {
            Ok(Body { from: 0, size: length(headers), validator: Validator::of(headers) })
        }
        _ => Err(refused(status, headers)),
    }
}

/// The rest of a file, if it is of the same one.
fn rest(headers: &HeaderMap, asked: &Asked) -> Result<Body, Trouble> {
    let said = text(headers, &CONTENT_RANGE);
    let shown = legible::one_line(said.unwrap_or("nothing").as_bytes());
    let from = asked.from;
    let Some((first, last, size)) = said.and_then(range) else {
        return Err(Trouble::stale(format!(
            "the server was asked for bytes from {from} on and sent: {shown}"
        )));
    };
    if first != from || length(headers).is_some_and(|length| last.checked_sub(first) != length.checked_sub(1))
    {
        return Err(Trouble::stale(format!(
            "the server was asked for bytes from {from} on and sent: {shown}"
        )));
    }
    let grown = size.zip(asked.size).is_some_and(|(now, before)| now != before);
    if grown || asked.validator.is_denied_by(headers) {
        return Err(Trouble::stale("the file has changed since the first part of it was fetched"));
    }
    let size = size.or(asked.size);
    if size.is_some_and(|size| last.checked_add(1) != Some(size)) {
        return Err(Trouble::stale(format!(
            "the server was asked for all bytes from {from} on and sent: {shown}"
        )));
    }
    Ok(Body { from, size: size.or(last.checked_add(1)), validator: Some(asked.validator.clone()) })
}

/// `bytes 5-9/10`: first, last, size.
fn range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last, size))
}

/// An answer without a file.
fn refused(status: StatusCode, headers: &HeaderMap) -> Trouble {
    let passing = matches!(status.as_u16(), 408 | 425 | 429 | 500..=599);
    let after = retry_after(headers, SystemTime::now()).filter(|_| passing);
    let hint = match status.as_u16() {
        401 | 403 => "does it need a user? https://USER:PASSWORD@host/file",
        407 => "the proxy needs a user; is HTTPS_PROXY right?",
        404 | 410 => "is the address right, and the file still there?",
        429 => "ask for fewer at once from this host: --per-host",
        300..=399 => "the server names no other place; look at it with a browser",
        _ if passing => "the server is in trouble; try later, or more often with --retries",
        _ => "the server will not give it; look at it with a browser",
    };
    let reason = status.canonical_reason().map_or_else(String::new, |reason| format!(" {reason}"));
    let next = if passing { Next::Again(after) } else { Next::Never };
    Trouble { next, ..Trouble::lasting(format!("the server answered {}{reason}", status.as_u16()), hint) }
}

/// How long the server wants to be left alone: seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are as good as the most that can.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Asked, Body, Next, Validator, judge, retry_after};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        };
        lines.iter().map(line).collect()
    }

    fn asked() -> Asked {
        Asked { from: 4, size: Some(10), validator: Validator::Etag("\"a\"".into()) }
    }

    #[test]
    fn a_validator_is_strong_or_none() {
        let old = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        let now = ("date", "Sun, 06 Nov 1994 08:50:37 GMT");
        let early = ("date", "Sun, 06 Nov 1994 08:50:36 GMT");
        for (lines, validator) in [
            (vec![("etag", "\"a\""), old, now], Some(Validator::Etag("\"a\"".into()))),
            (vec![("etag", "W/\"a\""), old, now], Some(Validator::Modified(old.1.into()))),
            (vec![old, now], Some(Validator::Modified(old.1.into()))),
            (vec![old, early], None),
            (vec![old], None),
            (vec![("etag", "\""), now], None),
        ] {
            let body = judge(StatusCode::OK, &headers(&lines), None).expect("a body");
            assert_eq!(body.validator, validator, "for {lines:?}");
        }
    }

    #[test]
    fn a_rest_is_taken_only_of_the_same_file_and_from_the_same_byte() {
        let good = [("content-range", "bytes 4-9/10"), ("content-length", "6"), ("etag", "\"a\"")];
        let body = judge(StatusCode::PARTIAL_CONTENT, &headers(&good), Some(&asked())).expect("the rest");
        assert_eq!(body, Body { from: 4, size: Some(10), validator: Some(asked().validator) });
        for bad in [
            &[("content-range", "bytes 5-9/10")][..],
            &[("content-range", "bytes 4-8/10")],
            &[("content-range", "bytes 4-9/11")],
            &[("content-range", "bytes 4-10/11")],
            &[("content-range", "bytes 9-4/10")],
            &[("content-range", "4-9/10")],
            &[("content-range", "bytes */10")],
            &[("content-range", "bytes 4-9/10"), ("content-length", "5")],
            &[("content-range", "bytes 4-9/10"), ("content-length", "0")],
            &[("content-range", "bytes 4-9/10"), ("etag", "\"b\"")],
            &[("content-range", "bytes 4-18446744073709551615/10")],
            &[],
        ] {
            let trouble = judge(StatusCode::PARTIAL_CONTENT, &headers(bad), Some(&asked())).unwrap_err();
            assert_eq!(trouble.next, Next::Anew, "for {bad:?}: {}", trouble.what);
        }
        let all =
            judge(StatusCode::OK, &headers(&[("content-length", "7")]), Some(&asked())).expect("all of it");
        assert_eq!(all, Body { from: 0, size: Some(7), validator: None });
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, again) in [(408, true), (425, true), (429, true), (500, true), (503, true), (599, true)]
            .into_iter()
            .chain([(400, false), (403, false), (404, false), (410, false), (416, false), (304, false)])
        {
            let status = StatusCode::from_u16(status).expect("a status");
            let trouble = judge(status, &headers(&[("retry-after", "7")]), None).unwrap_err();
            let next = if again { Next::Again(Some(Duration::from_secs(7))) } else { Next::Never };
            assert_eq!(trouble.next, next, "for {status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let noon = httpdate::parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").expect("a date");
        let after = |value| retry_after(&headers(&[("retry-after", value)]), noon);
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Sun, 06 Nov 1994 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Sun, 06 Nov 1994 11:00:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(after("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(after(none), None, "for {none:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
