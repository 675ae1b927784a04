//! The scripts, and the keys they work on.

use crate::store::GroupId;

/// A step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Script {
    Open,
    Add,
    Seal,
    Keep,
    Claim,
    Renew,
    Finish,
    Reap,
    Cancel,
    Summary,
}

/// A script that is ready to be sent, and what it asks for in words.
#[derive(Debug)]
pub(super) struct Ready {
    /// Knows the hash.
    code: redis::Script,
    pub(super) text: &'static str,
    pub(super) asks: &'static str,
}

#[derive(Debug)]
pub(super) struct Scripts([Ready; 10]);

impl Ready {
    fn new(text: &'static str, asks: &'static str) -> Self {
        Self { code: redis::Script::new(text), text, asks }
    }

    /// What the server knows the script by.
    pub(super) fn hash(&self) -> &str {
        self.code.get_hash()
    }
}

macro_rules! script {
    ($file:literal, $asks:literal) => {
        Ready::new(
            concat!(include_str!("scripts/prelude.lua"), include_str!(concat!("scripts/", $file))),
            $asks,
        )
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        // In the order of `Script`.
        Self([
            script!("open.lua", "open a group"),
            script!("add.lua", "register members"),
            script!("seal.lua", "seal a group"),
            script!("keep.lua", "note that who registers members is there"),
            script!("claim.lua", "hand out members"),
            script!("renew.lua", "prolong leases"),
            script!("finish.lua", "end a member"),
            script!("reap.lua", "take back what was leased for too long"),
            script!("cancel.lua", "cancel a group"),
            script!("summary.lua", "say how a group stands"),
        ])
    }

    pub(super) fn get(&self, script: Script) -> &Ready {
        &self.0[script as usize]
    }
}

/// One of a group's keys. The braces keep all of them in one slot.
pub(super) fn key(group: GroupId, what: &str) -> String {
    format!("hc:{{{group}}}:{what}")
}

/// The groups there are, by their ids: in no group's slot, and no truth. What is in it may be long gone.
pub(super) const GROUPS: &str = "hc:groups";

/// The last groups that were made, for those who wait for more. Nothing depends on it.
pub(super) const NEWS: &str = "hc:news";

/// All of them, in the order the scripts know them by.
pub(super) fn keys(group: GroupId) -> [String; 10] {
    ["g", "m", "p", "q", "d", "l", "r", "e", "w", "t"].map(|what| key(group, what))
}
