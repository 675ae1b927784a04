//! What stands in the attribute's parentheses: `timeout = "10s", allow_leaks = "cache"`.

use std::fmt::Write;
use std::time::Duration;

use proc_macro::{Ident, TokenStream, TokenTree};

use crate::function::is_punct;
use crate::refusal::Refusal;

const NAMES: &str = "`timeout`, `allow_leaks`, `flavor`, `worker_threads`, `start_paused`";

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The calls that say the same of a `Check`.
    calls: String,
    given: Vec<Ident>,
    multi_thread: bool,
}

impl Options {
    pub(crate) fn parse(options: TokenStream) -> Result<Self, Refusal> {
        let mut parsed = Self::default();
        let all: Vec<TokenTree> = options.into_iter().collect();
        for option in all.split(|token| is_punct(token, ',')).filter(|option| !option.is_empty()) {
            let (name, value) = match option {
                [TokenTree::Ident(name), equals, value] if is_punct(equals, '=') => (name, value),
                [TokenTree::Ident(name), ..] => {
                    return Err(Refusal::new(name.span(), format!("expected `{name} = ..`, one value")));
                }
                [token, ..] => {
                    return Err(Refusal::new(token.span(), format!("expected an option: {NAMES}")));
                }
                [] => continue,
            };
            parsed.take(name, value)?;
        }
        parsed.agree()?;
        Ok(parsed)
    }

    fn take(&mut self, name: &Ident, value: &TokenTree) -> Result<(), Refusal> {
        let call = match name.to_string().as_str() {
            "timeout" => {
                let time = time(value)?;
                format!(".timeout(::core::time::Duration::new({}, {}))", time.as_secs(), time.subsec_nanos())
            }
            "allow_leaks" => patterns(value)?,
            "flavor" => self.flavor(value)?,
            "worker_threads" => match value.to_string().parse::<usize>() {
                Ok(n) if n > 0 => format!(".worker_threads({n})"),
                _ => {
                    let message =
                        format!("`worker_threads` is a number of threads, one or more, not `{value}`");
                    return Err(Refusal::new(value.span(), message));
                }
            },
            "start_paused" => match value.to_string().as_str() {
                "true" => ".start_paused()".to_string(),
                "false" => String::new(),
                _ => {
                    let message = format!("`start_paused` is `true` or `false`, not `{value}`");
                    return Err(Refusal::new(value.span(), message));
                }
            },
            _ => {
                let message = format!("`#[headcount::test]` has no option `{name}`; it has {NAMES}");
                return Err(Refusal::new(name.span(), message));
            }
        };
        if self.given(&name.to_string()).is_some() {
            return Err(Refusal::new(name.span(), format!("`{name}` is given twice")));
        }
        self.calls += &call;
        self.given.push(name.clone());
        Ok(())
    }

    fn flavor(&mut self, value: &TokenTree) -> Result<String, Refusal> {
        match text(value).as_deref() {
            Some("multi_thread") => {
                self.multi_thread = true;
                Ok(".multi_thread()".to_string())
            }
            Some("current_thread") => Ok(String::new()),
            _ => {
                let message = format!("`flavor` is \"current_thread\" or \"multi_thread\", not `{value}`");
                Err(Refusal::new(value.span(), message))
            }
        }
    }

    /// What goes together.
    fn agree(&self) -> Result<(), Refusal> {
        match (self.given("worker_threads"), self.given("start_paused")) {
            (Some(threads), _) if !self.multi_thread => {
                let message =
                    "`worker_threads` needs `flavor = \"multi_thread\"`: the other flavour has no workers";
                Err(Refusal::new(threads.span(), message))
            }
            (_, Some(paused)) if self.multi_thread => {
                let message =
                    "`start_paused` needs the flavour \"current_thread\": Tokio pauses no other clock";
                Err(Refusal::new(paused.span(), message))
            }
            _ => Ok(()),
        }
    }

    /// For a plain function.
    pub(crate) fn refuse_runtime(&self) -> Result<(), Refusal> {
        match ["flavor", "worker_threads", "start_paused"].iter().find_map(|name| self.given(name)) {
            Some(name) => {
                let message =
                    format!("`{name}` is about a runtime, and this test has none: make it an `async fn`");
                Err(Refusal::new(name.span(), message))
            }
            None => Ok(()),
        }
    }

    /// `headcount::testing::Check::new()`, with all that is asked for.
    pub(crate) fn check(&self) -> String {
        format!("::headcount::testing::Check::new(){}", self.calls)
    }

    fn given(&self, name: &str) -> Option<&Ident> {
        self.given.iter().find(|given| given.to_string() == name)
    }
}

/// The inside of a string literal without escapes.
fn text(value: &TokenTree) -> Option<String> {
    let literal = value.to_string();
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then(|| inside.to_string())
}

/// `"pattern"`, or several in brackets.
fn patterns(value: &TokenTree) -> Result<String, Refusal> {
    let several: Vec<TokenTree> = match value {
        TokenTree::Group(group) => group.stream().into_iter().filter(|token| !is_punct(token, ',')).collect(),
        one => vec![one.clone()],
    };
    let mut calls = String::new();
    for pattern in &several {
        match text(pattern) {
            Some(text) if text.chars().any(|c| c != '*') => {
                write!(calls, ".allow_leaks({pattern})").unwrap_or(())
            }
            Some(_) => {
                let message = "this pattern fits everybody: name who may stay, or use a plain `#[test]`";
                return Err(Refusal::new(pattern.span(), message));
            }
            None => {
                let message = "`allow_leaks` is a pattern in quotes, part of a name or place (`*` for anything), or a \
                               list of them: `[\"cache\", \"src/pool.rs\"]`";
                return Err(Refusal::new(pattern.span(), message));
            }
        }
    }
    Ok(calls)
}

/// `"1.5s"` or `1.5s`; `ms`, `s`, `m`, `h`.
fn time(value: &TokenTree) -> Result<Duration, Refusal> {
    let refuse = |what: &str| {
        Err(Refusal::new(
            value.span(),
            format!("`timeout` is a time like \"10s\", \"250ms\" or \"2m\"; {value} {what}"),
        ))
    };
    let literal = value.to_string();
    let written = literal.trim_matches('"').trim();
    let unit = written.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    let number = written[..written.len() - unit.len()].replace('_', "");
    let unit = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return refuse("has no unit"),
        _ => return refuse("is not one"),
    };
    match number.parse::<f64>().map(|number| Duration::try_from_secs_f64(number * unit)) {
        Ok(Ok(time)) if time > Duration::ZERO => Ok(time),
        Ok(Ok(_)) => refuse("leaves no time at all"),
        _ => refuse("is not one"),
    }
}
