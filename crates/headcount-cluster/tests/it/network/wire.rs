//! An engine on another machine of a simulated network: a question is one datagram and its answer another, and each may be lost, late, or
//! come when nobody waits for it any more. Some questions are sent twice.
//!
//! What is in a datagram is a number; the question itself lies in this process. So nothing has to be written down as bytes, and
//! the network does with it what it does.

use std::any::Any;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_cluster::store::{Page, Standing};
use headcount_cluster::{
    Added, Claimed, Detail, Finished, GroupId, Journal, Reaped, Renewed, Report, Settings, Store, StoreError,
    Summary, Token,
};
use turmoil::net::UdpSocket;

const PORT: u16 = 7000;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

type Answer = Box<dyn Any + Send>;
type Question = Arc<dyn Fn(Served) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// The engine where it is, and what it has seen.
#[derive(Clone)]
pub(crate) struct Served {
    journal: Journal,
    unfenced: bool,
    pub(crate) book: Arc<Mutex<Seen>>,
}

/// What an engine has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The attempt that each member was given out as last.
    latest: HashMap<String, Token>,
    /// How often each was told to have counted.
    pub(crate) counted: HashMap<String, u32>,
    /// Reports that counted and were of another attempt than the latest.
    pub(crate) strangers: u32,
    pub(crate) stale: u32,
    pub(crate) same: u32,
    pub(crate) redelivered: u64,
}

impl Served {
    pub(crate) fn new(journal: Journal, unfenced: bool, book: Arc<Mutex<Seen>>) -> Self {
        Self { journal, unfenced, book }
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        let claimed = self.journal.claim(group, worker, most).await?;
        let tokens = claimed.claims.iter().map(|claim| (claim.token.member.clone(), claim.token.clone()));
        self.book.lock().unwrap().latest.extend(tokens);
        Ok(claimed)
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        let latest = self.book.lock().unwrap().latest.get(&token.member).cloned();
        let taken_for = if self.unfenced { latest.as_ref().unwrap_or(token) } else { token };
        let (said, now) = self.journal.finish(group, taken_for, report).await?;
        let mut seen = self.book.lock().unwrap();
        match said {
            Finished::Counted => {
                *seen.counted.entry(token.member.clone()).or_default() += 1;
                seen.strangers += u32::from(latest.as_ref() != Some(token));
            }
            Finished::Stale => seen.stale += 1,
            Finished::AlreadySame => seen.same += 1,
            Finished::Again(_) => {}
        }
        Ok((said, now))
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        let reaped = self.journal.reap(group).await?;
        self.book.lock().unwrap().redelivered += reaped.redelivered;
        Ok(reaped)
    }
}

/// What was asked, and what was answered.
#[derive(Default)]
struct Mail {
    next: AtomicU64,
    questions: Mutex<HashMap<u64, Question>>,
    answers: Mutex<HashMap<u64, Answer>>,
}

/// The engine as its clients see it.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mail>);

impl Wire {
    /// Answers what is asked, for as long as the machine is there.
    pub(crate) async fn serve(self, engine: Served) -> turmoil::Result {
        let socket = Arc::new(UdpSocket::bind(("0.0.0.0", PORT)).await?);
        let mut bytes = [0; 8];
        loop {
            let (_, from) = socket.recv_from(&mut bytes).await?;
            let question = self.0.questions.lock().unwrap().get(&u64::from_le_bytes(bytes)).cloned();
            let question = question.ok_or("a question that nobody has asked")?;
            let (socket, mail, engine) = (Arc::clone(&socket), Arc::clone(&self.0), engine.clone());
            tokio::spawn(async move {
                let answer = question(engine).await;
                let number = mail.next.fetch_add(1, Ordering::Relaxed);
                mail.answers.lock().unwrap().insert(number, answer);
                // Whoever asked may be gone.
                let _ = socket.send_to(&number.to_le_bytes(), from).await;
            });
        }
    }

    async fn ask<T, F>(
        &self,
        asked: &'static str,
        patience: Duration,
        question: impl Fn(Served) -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let question: Question = Arc::new(move |engine| {
            let step = question(engine);
            Box::pin(async move { Box::new(step.await) as Answer })
        });
        self.0.questions.lock().unwrap().insert(number, question);
        let away = |why: String| StoreError::Engine { asked, source: why.into() };
        let exchange = async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            let to = (turmoil::lookup("engine"), PORT);
            // Every third question is sent twice, and both are heard.
            for _ in 0..if number % 3 == 0 { 2 } else { 1 } {
                socket.send_to(&number.to_le_bytes(), to).await?;
            }
            let mut bytes = [0; 8];
            socket.recv_from(&mut bytes).await?;
            Ok::<_, std::io::Error>(u64::from_le_bytes(bytes))
        };
        let answer = match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer.map_err(|error| away(error.to_string()))?,
            Err(_) => return Err(away("no answer".into())),
        };
        let answer = self.0.answers.lock().unwrap().remove(&answer).expect("it was answered");
        *answer.downcast().expect("an answer to this question")
    }
}

impl Store for Wire {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        let settings = settings.clone();
        let step = move |engine: Served| {
            let settings = settings.clone();
            async move { engine.journal.open(group, &settings).await }
        };
        self.ask("open", PATIENCE, step).await
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        let members = members.to_vec();
        let step = move |engine: Served| {
            let members = members.clone();
            async move { engine.journal.add(group, &members).await }
        };
        self.ask("add", PATIENCE, step).await
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        let step = move |engine: Served| async move { engine.journal.seal(group, total).await };
        self.ask("seal", PATIENCE, step).await
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.ask("keep", PATIENCE, move |engine| async move { engine.journal.keep(group).await }).await
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        let worker = worker.to_owned();
        let step = move |engine: Served| {
            let worker = worker.clone();
            async move { engine.claim(group, &worker, most).await }
        };
        self.ask("claim", PATIENCE, step).await
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        let held = held.to_vec();
        let step = move |engine: Served| {
            let held = held.clone();
            async move { engine.journal.renew(group, &held).await }
        };
        self.ask("renew", PATIENCE, step).await
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        let said = (token.clone(), report.clone());
        let step = move |engine: Served| {
            let (token, report) = said.clone();
            async move { engine.finish(group, &token, &report).await }
        };
        self.ask("finish", PATIENCE, step).await
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.ask("reap", PATIENCE, move |engine: Served| async move { engine.reap(group).await }).await
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        let reason = reason.to_owned();
        let step = move |engine: Served| {
            let reason = reason.clone();
            async move { engine.journal.cancel(group, &reason).await }
        };
        self.ask("cancel", PATIENCE, step).await
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.ask("summary", PATIENCE, move |engine| async move { engine.journal.summary(group).await }).await
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        let after = after.map(str::to_owned);
        let step = move |engine: Served| {
            let after = after.clone();
            async move { engine.journal.standings(group, after.as_deref()).await }
        };
        self.ask("standings", PATIENCE, step).await
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let members = members.to_vec();
        let step = move |engine: Served| {
            let members = members.clone();
            async move { engine.journal.results(group, &members).await }
        };
        self.ask("results", PATIENCE, step).await
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        let members = members.to_vec();
        let step = move |engine: Served| {
            let members = members.clone();
            async move { engine.journal.details(group, &members).await }
        };
        self.ask("details", PATIENCE, step).await
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        let after = after.map(str::to_owned);
        let step = move |engine: Served| {
            let after = after.clone();
            async move { Store::groups(&engine.journal, after.as_deref(), most).await }
        };
        self.ask("groups", PATIENCE, step).await
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        let step = move |engine: Served| async move { engine.journal.ended(group, patience).await };
        self.ask("ended", patience + PATIENCE, step).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        let groups = groups.to_vec();
        let step = move |engine: Served| {
            let groups = groups.clone();
            async move { engine.journal.ready(&groups, patience).await }
        };
        self.ask("ready", patience + PATIENCE, step).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        let step =
            move |engine: Served| async move { engine.journal.changed(group, revision, patience).await };
        self.ask("changed", patience + PATIENCE, step).await
    }
}
