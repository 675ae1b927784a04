//! Where an engine is. The address may have a password in it, which is shown nowhere: not in messages, not in errors, not
//! where flags are told in words.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use headcount_cluster::RedisOptions;

use super::trust::Trust;
use crate::args::TrustArgs;
use crate::legible;
use crate::refusal::Refusal;

/// Where the address stands when it is not given as a flag.
pub(crate) const VARIABLE: &str = "HEADCOUNT_ENGINE";

const HINT: &str = "write redis://HOST, redis://USER:PASSWORD@HOST:PORT/DB or redis+unix:///PATH; or @FILE, or set HEADCOUNT_ENGINE, and a \
                    password is in no process list";

/// What was given as an address, which may be a place where the address stands.
#[derive(Clone)]
pub struct Address(OsString);

impl From<OsString> for Address {
    fn from(given: OsString) -> Self {
        Self(given)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&shown(self.0.as_bytes())).finish()
    }
}

/// As it may be seen.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0.as_bytes()))
    }
}

/// An address that can be used.
#[derive(Clone)]
pub(crate) struct Place {
    url: String,
    trust: Trust,
    /// As it may be seen.
    pub(super) shown: String,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.shown).finish()
    }
}

/// As it may be seen.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Address {
    /// The one that was given, or that of the environment.
    pub(crate) fn find(given: Option<&Self>, trust: &TrustArgs) -> Result<Place, Refusal> {
        match given {
            Some(given) => given.resolve(trust),
            None => of_environment()?.trusting(trust),
        }
    }

    /// The address itself, and who has to be there.
    pub(crate) fn resolve(&self, trust: &TrustArgs) -> Result<Place, Refusal> {
        self.read()?.trusting(trust)
    }

    fn read(&self) -> Result<Place, Refusal> {
        if self.0 == "env" {
            return of_environment();
        }
        if let Some(path) = self.0.as_bytes().strip_prefix(b"@") {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            let shown = legible::one_line(path.as_os_str().as_bytes());
            let text = fs::read_to_string(path).map_err(|error| {
                Refusal::new(
                    format!("the engine's address cannot be read from {shown}: {error}"),
                    "its first line has to be the address; may you read it? see ls -l",
                )
            })?;
            return Place::read(text.lines().next().unwrap_or_default().trim(), &format!("in {shown}"));
        }
        Place::read(&self.0.to_string_lossy(), "of --engine")
    }
}

fn of_environment() -> Result<Place, Refusal> {
    match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => Place::read(&url, "in HEADCOUNT_ENGINE"),
        _ => Err(Refusal::new("which engine is not said, neither by --engine nor by HEADCOUNT_ENGINE", HINT)),
    }
}

impl Place {
    fn read(url: &str, place: &str) -> Result<Self, Refusal> {
        const SCHEMES: [&str; 7] =
            ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix"];
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !scheme.is_some_and(|scheme| SCHEMES.contains(&scheme)) {
            // Not the text itself: it may well be a password.
            return Err(Refusal::new(format!("the address {place} is none of an engine"), HINT));
        }
        Ok(Self { url: url.to_owned(), trust: Trust::default(), shown: shown(url.as_bytes()) })
    }

    fn trusting(self, given: &TrustArgs) -> Result<Self, Refusal> {
        Ok(Self { trust: Trust::read(given, self.is_secret())?, ..self })
    }

    /// Whether TLS is spoken there.
    pub(super) fn is_secret(&self) -> bool {
        ["rediss://", "valkeys://"].iter().any(|scheme| self.url.starts_with(scheme))
    }

    /// What is to be known to connect.
    pub(super) fn options(&self) -> RedisOptions {
        self.trust.clone().tell(RedisOptions::new(&self.url))
    }

    /// A message without what is secret in the address, should somebody have put it there.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.url, &self.shown);
        for secret in secrets(&self.url) {
            text = text.replace(secret, "***");
        }
        text
    }
}

/// What nobody is to see of an address: a password before the host, or in what follows the path.
fn secrets(url: &str) -> impl Iterator<Item = &str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    let password = user.map(|user| user.split_once(':').map_or(user, |(_, password)| password));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let of_query = query.split('&').filter_map(|pair| pair.strip_prefix("pass="));
    password.into_iter().chain(of_query).filter(|secret| !secret.is_empty())
}

/// What is given for an address, without what is secret in it. Where it is said where the address stands, that is no secret.
pub(crate) fn shown(given: &[u8]) -> String {
    let text = legible::one_line(given);
    if text.starts_with('@') || text == "env" {
        return text;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return "***".into() };
    let rest = match rest.rsplit_once('@') {
        Some((_, host)) => &format!("***@{host}"),
        None => rest,
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    format!("{scheme}://{}", &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let cases = [
            ("redis://host", "redis://host"),
            ("redis://user:secret@host:1/2", "redis://***@host:1/2"),
            ("redis://:secret@host", "redis://***@host"),
            ("redis://secret@host", "redis://***@host"),
            ("rediss://u:se@cret@host/0#insecure", "rediss://***@host/0"),
            ("redis+unix:///run/redis.sock?db=1&pass=secret", "redis+unix:///run/redis.sock"),
            ("u:secret", "***"),
            ("@/run/secrets/engine", "@/run/secrets/engine"),
            ("env", "env"),
        ];
        for (given, seen) in cases {
            let address = Address::from(OsString::from(given));
            assert_eq!(address.to_string(), seen);
            assert!(!format!("{address:?}").contains("secret@"), "{address:?}");
            if let Ok(place) = Place::read(given, "here") {
                let error = place.scrub(&format!("no answer from {given} (secret, se@cret)"));
                assert!(!error.contains("cret@") && !format!("{place:?}").contains(":se"), "{error}");
                if given.contains("secret") {
                    assert!(!error.contains("secret"), "{error}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for given in ["", "secret", "http://secret", "secret://"] {
            let refusal = Address::from(OsString::from(given)).read().expect_err("none");
            assert!(
                !refusal.to_string().contains("secret") && refusal.hint().contains("redis://"),
                "{refusal}"
            );
        }
    }
}
