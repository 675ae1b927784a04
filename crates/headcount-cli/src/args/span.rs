//! Times on the command line: `500ms`, `1.5s`, `2m`, `1h`, or bare seconds.

use std::time::Duration;

/// Reads a time.
///
/// # Errors
/// When it is not a number with one of the units, is negative, or is too long to be kept.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("there is no unit {unit:?} (hint: write 500ms, 1.5s, 2m or 1h)")),
    };
    // Signs and exponents are left out on purpose: a time is digits and at most one point.
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err("not a time (hint: write 500ms, 1.5s, 2m, or seconds)".into());
    }
    let number: f64 = number.parse().map_err(|_| "not a time (hint: write 500ms, 1.5s, 2m, or seconds)")?;
    Duration::try_from_secs_f64(number * seconds)
        .map_err(|_| "a time too long to be kept (hint: in hours: 24h)".into())
}

/// Reads a time that something may take.
///
/// # Errors
/// As [`parse_span`], and when it is no time at all.
pub fn parse_limit(text: &str) -> Result<Duration, String> {
    match parse_span(text)? {
        Duration::ZERO => Err("in no time nothing can be done (hint: leave it out for no limit)".into()),
        limit => Ok(limit),
    }
}
