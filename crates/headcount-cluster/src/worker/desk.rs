//! Where attempts say how they ended: those that do while the engine is being told of others are told of together.
//!
//! A step of the engine costs about the same for one as for many, so whoever ends often is told of in crowds, and who ends alone
//! waits for nobody. What comes of an attempt is told to it alone; where nobody answers it asks by itself (`attempt.rs`), so here
//! nothing is tried twice.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::store::{Finished, GroupId, Report, Store, StoreError, Summary, Token};

/// So many at once, and results of so many bytes: an engine is not kept waiting by one step.
const CROWD: usize = 100;
const HEAVY: usize = 8 * 1024;

#[derive(Debug)]
struct Note {
    token: Token,
    report: Report,
    said: oneshot::Sender<Finished>,
}

#[derive(Debug)]
pub(super) struct Desk {
    notes: mpsc::UnboundedSender<Note>,
    /// Until somebody sits at it.
    told: Mutex<Option<mpsc::UnboundedReceiver<Note>>>,
}

impl Default for Desk {
    fn default() -> Self {
        let (notes, told) = mpsc::unbounded_channel();
        Self { notes, told: Mutex::new(Some(told)) }
    }
}

impl Desk {
    /// What the engine says to a report; nothing if it has not answered, and may have heard it.
    pub(super) async fn tell(&self, token: &Token, report: &Report) -> Option<Finished> {
        let heavy = match report {
            Report::Done(body) | Report::Failed { why: body, .. } => body.len() > HEAVY,
            Report::Cancelled | Report::Returned { .. } => false,
        };
        if heavy {
            return None;
        }
        let (said, hears) = oneshot::channel();
        self.notes.send(Note { token: token.clone(), report: report.clone(), said }).ok()?;
        hears.await.ok()
    }

    /// Tells the engine, for as long as there is somebody to be told of.
    pub(super) async fn sit<S: Store>(
        &self,
        store: &S,
        group: GroupId,
        saw: impl Fn(&Summary),
        failed: impl Fn(&StoreError),
    ) {
        let Some(mut told) = self.told.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let mut crowd = Vec::new();
        while told.recv_many(&mut crowd, CROWD).await > 0 {
            let (reports, ears): (Vec<_>, Vec<_>) =
                crowd.drain(..).map(|note| ((note.token, note.report), note.said)).unzip();
            let answer = match &reports[..] {
                [(token, report)] => {
                    store.finish(group, token, report).await.map(|(said, now)| (vec![said], now))
                }
                _ => store.finish_all(group, &reports).await,
            };
            match answer {
                Ok((said, now)) => {
                    saw(&now);
                    for (said, ear) in said.into_iter().zip(ears) {
                        let _ = ear.send(said);
                    }
                }
                // Their ears are dropped: each asks again, for as long as it makes sense.
                Err(error) => failed(&error),
            }
        }
    }
}
