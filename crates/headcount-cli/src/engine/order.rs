//! What a worker is given of a member: everything it needs to run it as `headcount run` would on one machine.
//!
//! It is JSON, so that people and other programs can read it in the engine. The command travels with its placeholders and
//! is filled by the worker, because one of them is the slot it runs in. What a version does not know it refuses: to leave out
//! half of what was asked would be worse.

use std::path::PathBuf;
use std::time::Duration;

use headcount_cluster::Payload;
use serde::{Deserialize, Serialize};

use super::word::Word;
use crate::ledger::Number;
use crate::template::Template;
use crate::tries::RetryOn;

/// The version of what is written here. It changes when a worker that knows the one before could do the wrong thing.
const VERSION: u32 = 1;

/// The name by which workers know that a member is one of ours.
pub(crate) const HANDLER: &str = "headcount.run";

/// How long what is said of a member besides what it printed may be.
pub(crate) const HEADROOM: usize = 16 * 1024;

/// See the room's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    v: u32,
    /// The command as it was typed, placeholders and all.
    pub(crate) command: Vec<Word>,
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) shell: bool,
    /// The names of the columns, if they have some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<Vec<Word>>,
    pub(crate) columns: Vec<Word>,
    pub(crate) number: Number,
    /// The folder it runs in; the worker's if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<Word>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<(Word, Word)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    grace_ms: u64,
    /// After which ends it is tried again, if not after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_on: Option<RetryOn>,
    /// The most it may print, in bytes.
    pub(crate) most: usize,
}

fn is_not(flag: &bool) -> bool {
    !flag
}

/// What is the same for all members of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) command: Vec<Word>,
    pub(crate) shell: bool,
    pub(crate) header: Option<Vec<Word>>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) env: Vec<(Word, Word)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) retry_on: Option<RetryOn>,
    pub(crate) most: usize,
}

impl Form {
    /// The order for one member.
    pub(crate) fn fill(&self, number: Number, columns: &[Vec<u8>]) -> Order {
        use std::os::unix::ffi::OsStrExt;
        Order {
            v: VERSION,
            command: self.command.clone(),
            shell: self.shell,
            header: self.header.clone(),
            columns: Word::of_bytes(columns),
            number,
            folder: self.folder.as_ref().map(|folder| Word(folder.as_os_str().as_bytes().to_vec())),
            env: self.env.clone(),
            timeout_ms: self.timeout.map(millis),
            grace_ms: millis(self.grace),
            retry_on: self.retry_on.clone(),
            most: self.most,
        }
    }
}

impl Order {
    /// As it is registered.
    pub(crate) fn payload(&self) -> Vec<u8> {
        // There is nothing in it that JSON could not take.
        let args = serde_json::to_vec(self).unwrap_or_default();
        Payload { handler: HANDLER.into(), place: None, args }.encode()
    }

    /// As a worker reads it.
    ///
    /// # Errors
    /// In words, when it is none that this version understands.
    pub(crate) fn read(args: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_slice(args).map_err(|error| format!("its order is no JSON: {error}"))?;
        let version = value.get("v").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            return Err(format!(
                "its order is of version {}, and this worker understands version {VERSION}: use the same headcount on both sides",
                version.map_or("none".into(), |version| version.to_string())
            ));
        }
        serde_json::from_value(value).map_err(|error| format!("its order cannot be read: {error}"))
    }

    pub(crate) fn template(&self) -> Template {
        let words: Vec<_> = self.command.iter().map(Word::os).collect();
        let header = self.header.as_deref().map(Word::bytes);
        Template::compile(&words, header.as_deref(), self.shell)
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub(crate) fn retry_on(&self) -> RetryOn {
        self.retry_on.clone().unwrap_or_default()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form {
            command: vec![Word(b"cp".to_vec()), Word(b"{1}".to_vec()), Word(b"\xff{#}".to_vec())],
            shell: false,
            header: None,
            folder: Some("/srv/b\u{e4}tch".into()),
            env: vec![(Word(b"LANG".to_vec()), Word(b"\x80".to_vec()))],
            timeout: Some(Duration::from_millis(1500)),
            grace: Duration::from_secs(2),
            retry_on: Some(RetryOn { codes: vec![(75, 75)], ..RetryOn::nothing() }),
            most: 65536,
        }
    }

    #[test]
    fn every_byte_of_an_order_arrives() {
        let all: Vec<u8> = (0..=255).collect();
        let order = form().fill(17, &[all.clone(), b"text".to_vec()]);
        let there =
            Order::read(&Payload::decode(&order.payload()).expect("a payload").args).expect("an order");
        assert_eq!(there, order);
        let values = crate::template::Values { columns: &Word::bytes(&there.columns), number: 17, slot: 1 };
        let words = there.template().fill(values).expect("enough columns");
        assert_eq!(std::os::unix::ffi::OsStrExt::as_bytes(&*words[1]), all);
        assert_eq!(std::os::unix::ffi::OsStrExt::as_bytes(&*words[2]), b"\xff17");
        assert_eq!(there.timeout(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_a_worker_does_not_understand_it_refuses() {
        let order = serde_json::to_value(form().fill(1, &[])).expect("JSON");
        let mut later = order.clone();
        later["v"] = 2.into();
        let read = |order: serde_json::Value| Order::read(order.to_string().as_bytes());
        assert!(read(later).expect_err("another version").contains("version 2"));
        let mut strange = order;
        strange["priority"] = 1.into();
        assert!(read(strange).expect_err("a field nobody knows").contains("priority"));
        assert!(read(serde_json::Value::Null).is_err() && Order::read(b"gzip").is_err());
    }
}
