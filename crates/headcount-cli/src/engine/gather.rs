//! Hearing of members' ends, and telling them as if they had run here: what they printed goes to the printer, and their ends into
//! the books.
//!
//! The engine's word counts, and the books follow it. Who has ended is found by asking for the answers of those who are out, the
//! first ones first, because members begin in the order in which they were registered. When the group is over, whoever has not been
//! heard of is asked for one by one: so nobody depends on having been looked for at the right time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::Context;
use headcount_cluster::store::{CHUNK, Ended, Standing};
use headcount_cluster::{GroupState, Place, Store, Summary};

use super::told::running_lines;
use super::{Age, Desk, HEADROOM, Heard, Trouble, WENT_BACK, member_name};
use crate::account::{Failure, Stopped};
use crate::ledger::{Attempt, End, Number, Tally};
use crate::locked;
use crate::output::{Pages, PrintError, Stream};
use crate::progress::Progress;
use crate::record::{Close, Happening, There, Whose};
use crate::stop::Strength;
use crate::template::Values;

/// How soon the engine is asked again while news come.
const SOON: Duration = Duration::from_millis(20);

/// And when none come: the longest that news may take if the engine's hint is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many bytes of answers are asked for at once.
const BYTES: usize = 32 << 20;

/// How long nobody may take a member before it is said that there may be no workers.
const LONELY: Duration = Duration::from_secs(5);

/// What stops the wait: a stop of the batch, which the engine is told, and one that waits for nobody.
#[derive(Debug)]
pub(crate) struct Contexts {
    pub(crate) end: Context,
    pub(crate) kill: Context,
}

/// Who hears of members' ends.
#[derive(Debug)]
pub(crate) struct Gather {
    desk: Arc<Desk>,
    /// In which lane of a record the members of a worker's slot are.
    lanes: HashMap<(String, usize), usize>,
    cancelled: bool,
    /// When the leases were last looked at.
    reaped: Instant,
    began: Instant,
    /// It was said that nobody works.
    lonely: bool,
    age: Age,
}

impl Gather {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        let now = Instant::now();
        Self {
            desk,
            lanes: HashMap::new(),
            cancelled: false,
            reaped: now,
            began: now,
            lonely: false,
            age: Age::default(),
        }
    }

    /// Until the group is over and everybody was heard of. Nothing if it is not waited for any more.
    pub(crate) async fn run(
        mut self,
        contexts: &Contexts,
        progress: &mut Progress,
    ) -> Result<Option<Summary>, Trouble> {
        let killed = contexts.kill.clone();
        let ended = tokio::select! {
            ended = self.wait(&contexts.end, progress) => ended.map(Some),
            _ = killed.wait_async() => Ok(None),
        };
        progress.clear();
        self.settle(ended.as_ref().ok().and_then(Option::as_ref)).await;
        ended
    }

    async fn wait(&mut self, end: &Context, progress: &mut Progress) -> Result<Summary, Trouble> {
        let desk = Arc::clone(&self.desk);
        let mut told = Instant::now();
        loop {
            if end.is_cancelled() && !std::mem::replace(&mut self.cancelled, true) {
                self.cancel().await?;
            }
            let group = self.look().await?;
            if self.age.went_back(&group) {
                desk.books.note(WENT_BACK);
            }
            let news = self.hear(&group.tally).await?;
            if group.toward == Some(GroupState::Expired) || group.state == GroupState::Expired {
                self.be_late();
            }
            if group.state.is_terminal() {
                self.hear_all().await?;
                return Ok(group);
            }
            if told.elapsed() >= progress.interval() {
                told = Instant::now();
                if let Some(line) = progress.tell(&group.tally, None, desk.books.printer.sheet()) {
                    desk.books.printer.note(&line);
                }
            }
            self.tell_if_lonely(&group);
            let soon = news > 0;
            let patience = PATIENCE.min(progress.interval().saturating_sub(told.elapsed())).max(SOON);
            let hint = async {
                if soon {
                    tokio::time::sleep(SOON).await;
                } else if desk.engine.store.changed(desk.group, group.revision, patience).await.is_err() {
                    // Whether it answers at all is found by the next look.
                    tokio::time::sleep(SOON).await;
                }
            };
            let cancelled = self.cancelled;
            tokio::select! {
                () = hint => {}
                () = desk.roll_call.notified() => self.call_roll().await,
                _ = end.wait_async(), if !cancelled => {}
            }
        }
    }

    /// How the group stands. Now and then leases are looked at on the way: whoever waits does, so that there need be nobody else.
    async fn look(&mut self) -> Result<Summary, Trouble> {
        let desk = &*self.desk;
        let (store, group) = (&desk.engine.store, desk.group);
        let silent = |why: &Trouble| desk.tell_silence(why);
        let summary = desk.engine.ask(|| store.summary(group), silent).await?;
        let due = self.reaped.elapsed() >= (summary.lease / 3).max(SOON);
        if due || summary.state == GroupState::Cancelling {
            self.reaped = Instant::now();
            return desk.engine.reap(group, silent).await;
        }
        Ok(summary)
    }

    /// The batch is being stopped: so is the group.
    async fn cancel(&self) -> Result<(), Trouble> {
        let desk = &*self.desk;
        let why = match desk.books.stop.signal() {
            Some(signal) => format!("{} on {}", crate::signal::name(signal), super::host()),
            None => format!("headcount run on {} ended it", super::host()),
        };
        let ask = || desk.engine.store.cancel(desk.group, &why);
        desk.engine.ask(ask, |why| desk.tell_silence(why)).await.map(drop)
    }

    /// Asks for the answers of those who are out, as far as they may have begun. Says of how many it has heard.
    async fn hear(&mut self, tally: &Tally) -> Result<usize, Trouble> {
        let begun = usize::try_from(tally.running + tally.waiting).unwrap_or(usize::MAX);
        let (mut heard, mut looked, mut after) = (0, 0, 0);
        loop {
            let chunk = self.out_after(after);
            let Some(&last) = chunk.last() else { return Ok(heard) };
            let news = self.hear_these(&chunk).await?;
            (heard, looked, after) = (heard + news, looked + chunk.len(), last);
            if news == 0 && looked > begun {
                return Ok(heard);
            }
        }
    }

    /// The next of those who are out.
    fn out_after(&self, after: Number) -> Vec<Number> {
        // As many as have room in memory if each has printed as much as it may.
        let most = (BYTES / (self.desk.form.most + HEADROOM)).clamp(1, CHUNK);
        locked(&self.desk.out).range(after + 1..).take(most).copied().collect()
    }

    fn name(&self, number: Number) -> String {
        member_name(number, &self.desk.member(number).1)
    }

    async fn hear_these(&mut self, numbers: &[Number]) -> Result<usize, Trouble> {
        let desk = Arc::clone(&self.desk);
        let names: Vec<_> = numbers.iter().map(|&number| self.name(number)).collect();
        let ask = || desk.engine.store.results(desk.group, &names);
        let answers = desk.engine.ask(ask, |why| desk.tell_silence(why)).await?;
        let there: Vec<_> = numbers
            .iter()
            .zip(&names)
            .zip(answers)
            .filter_map(|((&n, name), body)| Some((n, name.clone(), body?)))
            .collect();
        if there.is_empty() {
            return Ok(0);
        }
        // An answer says how it went, and where the member stands whether that counts as a failure: the engine decides.
        let ids: Vec<_> = there.iter().map(|(_, name, _)| name.clone()).collect();
        let ask = || desk.engine.store.details(desk.group, &ids);
        let details = desk.engine.ask(ask, |why| desk.tell_silence(why)).await?;
        let mut news = 0;
        for ((number, _, body), detail) in there.into_iter().zip(details) {
            let Some(standing) = detail.map(|detail| detail.standing) else { continue };
            if let Place::Ended(end) = standing.place {
                self.deliver(number, end, standing.attempt, Some(Heard::read(body))).await;
                news += 1;
            }
        }
        Ok(news)
    }

    /// The group is over: everybody who is out has come to some end.
    async fn hear_all(&mut self) -> Result<(), Trouble> {
        let mut after = 0;
        loop {
            let chunk = self.out_after(after);
            let Some(&last) = chunk.last() else { return Ok(()) };
            after = last;
            self.hear_these(&chunk).await?;
            let left: Vec<_> =
                chunk.into_iter().filter(|number| locked(&self.desk.out).contains(number)).collect();
            let names: Vec<_> = left.iter().map(|&number| self.name(number)).collect();
            let desk = Arc::clone(&self.desk);
            let ask = || desk.engine.store.details(desk.group, &names);
            let details = desk.engine.ask(ask, |why| desk.tell_silence(why)).await?;
            for (number, detail) in left.into_iter().zip(details) {
                // Whoever came too late to be registered never began.
                let (end, attempt) = match detail.map(|detail| detail.standing) {
                    Some(Standing { place: Place::Ended(end), attempt, .. }) => (end, attempt),
                    Some(Standing { attempt, .. }) => (Ended::Lost, attempt),
                    None => (Ended::Cancelled, 0),
                };
                self.deliver(number, end, attempt, None).await;
            }
        }
    }

    /// Tells a member's end as if it had ended here.
    async fn deliver(&mut self, number: Number, end: End, attempt: Attempt, heard: Option<Heard>) {
        locked(&self.desk.out).remove(&number);
        let desk = Arc::clone(&self.desk);
        let books = &desk.books;
        let (columns, label) = desk.member(number);
        let Heard { mut answer, out, err } = heard.unwrap_or_default();
        let slot = self.lane(&answer.worker, answer.slot);
        let words = desk
            .template
            .fill(Values { columns: &columns, number, slot: answer.slot.max(1) })
            .unwrap_or_default();
        let whose = Whose { number, columns: &columns };
        let began = attempt > 0;
        // In the ledger every attempt has its place; of those before the last the engine keeps that they were.
        for earlier in 1..attempt {
            let _ = books.begin(number).map(|this| books.put_off(number, this));
            debug_assert!(earlier < attempt);
        }
        let begun = if began { books.begin(number) } else { None };
        let mut end = end;
        if let Err(error) = self.print(number, &columns, &out, &err, end).await {
            books.output_failed(&label, &error);
            if end == End::Done {
                end = if matches!(error, PrintError::Closed | PrintError::Abandoned) {
                    End::Cancelled
                } else {
                    End::Failed
                };
                answer.how = error.to_string();
            }
        }
        let finish = answer.finish();
        let took = answer.took();
        if let (Some(attempt), true) = (begun, books.record.is_on()) {
            books.record.tell(&Happening::Started { whose, attempt, slot, pid: answer.pid, words: &words });
            let close = Close {
                end,
                finish,
                how: &answer.how,
                took: took.unwrap_or_default(),
                bytes: answer.bytes,
                again: false,
                there: took.map(|_| There { worker: &answer.worker, at: answer.at() }),
            };
            books.record.tell(&Happening::AttemptEnded { whose, attempt, words: &words, close });
        }
        books.record.tell(&Happening::Ended { whose, end });
        let tries = self.tries(attempt);
        match end {
            End::Failed | End::Lost => {
                let (how, by) = (answer.in_words(end == End::Lost), answer.by());
                let failure = Failure {
                    number,
                    label: &label,
                    words: &words,
                    how: &how,
                    attempt: &format!("{tries}{by}"),
                    took,
                    last_lines: answer.last_lines,
                };
                locked(&books.account).add(&failure, &books.printer);
            }
            End::Cancelled if began => {
                let stopped = Stopped {
                    number,
                    label: &label,
                    how: "stopped with its group",
                    attempt: &tries,
                    took,
                    last_lines: &[],
                };
                locked(&books.account).add_stopped(&stopped, &books.printer);
            }
            _ => {}
        }
        match begun {
            Some(attempt) => books.end(number, attempt, end),
            None => books.cancel(number),
        };
    }

    async fn print(
        &self,
        number: Number,
        columns: &crate::input::Columns,
        out: &[u8],
        err: &[u8],
        end: End,
    ) -> Result<(), PrintError> {
        let printer = &self.desk.books.printer;
        let mut pages = Pages::default();
        pages.begin(number, printer.tag(columns).as_deref());
        let mut taken = Ok(());
        for (stream, bytes) in [(Stream::Out, out), (Stream::Err, err)] {
            // A block at a time, as pages take it.
            for piece in bytes.chunks(64 * 1024) {
                let turn = printer.turn_of(&pages).await;
                taken = taken.and_then(|()| printer.take(turn, &mut pages, stream, piece));
            }
        }
        // Whatever happened: those behind it wait for its turn.
        let printed = printer.finish(&mut pages, end == End::Cancelled).await;
        taken.and(printed)
    }

    fn lane(&mut self, worker: &str, slot: usize) -> usize {
        let next = self.lanes.len() + 1;
        *self.lanes.entry((worker.to_owned(), slot)).or_insert(next)
    }

    fn tries(&self, attempt: Attempt) -> String {
        if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() }
    }

    /// Nobody is heard of any more. What became of whoever is out is not known if the group is not over.
    async fn settle(&mut self, group: Option<&Summary>) {
        let desk = Arc::clone(&self.desk);
        let left: Vec<_> = std::mem::take(&mut *locked(&desk.out)).into_iter().collect();
        debug_assert!(group.is_none() || left.is_empty(), "everybody was heard of");
        for number in left {
            let columns = desk.member(number).0;
            desk.books
                .record
                .tell(&Happening::Ended { whose: Whose { number, columns: &columns }, end: End::Lost });
            // Not by way of the books: the policy has nothing to say to it any more.
            let mut ledger = locked(&desk.books.ledger);
            if let Ok(attempt) = ledger.start(number) {
                let _ = ledger.end(number, attempt, End::Lost);
            }
        }
    }

    fn be_late(&self) {
        let books = &self.desk.books;
        books.stop.be_late(|| books.tell_late(String::new));
    }

    /// Who is out, for whoever asks by SIGUSR1.
    async fn call_roll(&self) {
        let desk = &*self.desk;
        let text = match running_lines(&desk.engine, desk.group, usize::MAX).await {
            Ok(lines) => lines,
            Err(trouble) => format!("headcount: {}\n", trouble.what),
        };
        desk.books.printer.note(&text);
    }

    fn tell_if_lonely(&mut self, group: &Summary) {
        let Tally { registered, running, waiting, .. } = group.tally;
        let lonely = registered > 0 && running == 0 && waiting == 0 && group.tally.ended() == 0;
        if !lonely {
            self.began = Instant::now();
        } else if !self.lonely
            && self.began.elapsed() >= LONELY
            && self.desk.books.stop.strength() == Strength::None
        {
            self.lonely = true;
            let engine = self.desk.engine.shown();
            self.desk.books.note(&format!(
                "headcount: nobody has taken a member yet; are there workers? headcount work --engine {engine}\n"
            ));
        }
    }
}
