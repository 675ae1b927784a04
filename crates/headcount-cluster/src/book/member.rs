//! What is known of a member besides where it stands.

use super::Millis;

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Member {
    pub(super) id: String,
    /// What its worker is given; nothing any more once it has ended.
    pub(super) payload: Vec<u8>,
    /// The last attempt that began.
    pub(super) attempt: u32,
    /// That of the last attempt. Empty once its worker is taken for gone.
    pub(super) nonce: String,
    /// So many workers vanished with it.
    pub(super) losses: u32,
    /// So many workers gave it back.
    pub(super) returns: u32,
    pub(super) worker: String,
    pub(super) since: Millis,
    /// When its lease is over, while it runs.
    pub(super) lease: Millis,
    /// When its next attempt may begin, while it waits for that.
    pub(super) due: Option<Millis>,
    pub(super) result: Option<Vec<u8>>,
}

impl Member {
    pub(super) fn new(id: String, payload: Vec<u8>) -> Self {
        Self {
            id,
            payload,
            attempt: 0,
            nonce: String::new(),
            losses: 0,
            returns: 0,
            worker: String::new(),
            since: 0,
            lease: 0,
            due: None,
            result: None,
        }
    }

    /// Whether this is the token of its last attempt.
    pub(super) fn is_held_by(&self, token: &crate::store::Token) -> bool {
        self.attempt == token.attempt && !self.nonce.is_empty() && self.nonce == token.nonce
    }
}
