//! Putting members in: inputs are read on a thread, registered in chunks, and the group is sealed behind the last.
//!
//! Members may begin as soon as they are registered. While inputs are slow to come the engine is told that somebody is still
//! there; if nobody is any more, it gives the group up by itself.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use headcount::Context;
use headcount_cluster::store::CHUNK;
use headcount_cluster::{Added, GroupId, Store};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::{Engine, Form, HEADROOM, Kept, Trouble, member_name};
use crate::account::Unread;
use crate::books::{Books, Dry, Ran};
use crate::input::{Columns, InputError, Source};
use crate::ledger::Number;
use crate::legible;
use crate::locked;
use crate::record::{Happening, Whose};
use crate::template::Template;

/// How long the first of a chunk waits for others.
const FLUSH: Duration = Duration::from_millis(10);

/// So many bytes are registered at once, so that no step keeps the engine for long.
const BYTES: usize = 1 << 20;

/// How often the engine is told that whoever registers is there: a third of what it waits for that.
const HERE: Duration = Duration::from_secs(20);

/// What those who put members in and those who hear of their ends share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) group: GroupId,
    pub(crate) books: Books,
    pub(crate) template: Template,
    pub(crate) form: Form,
    pub(crate) kept: Mutex<Kept>,
    /// Members that may be registered and have not been heard of.
    pub(crate) out: Mutex<BTreeSet<Number>>,
    /// Somebody wants to know who is out.
    pub(crate) roll_call: Notify,
}

impl Desk {
    /// What a member is called, its columns, and its label.
    pub(crate) fn member(&self, number: Number) -> (Columns, String) {
        // It was put there before anything could be heard of it; should the disk not give it back, it is known by its number.
        let columns = locked(&self.kept).get(number).unwrap_or_default();
        let label = legible::one_line(&columns.join(&b' '));
        (columns, label)
    }

    /// Says for the first time that the engine does not answer.
    pub(crate) fn tell_silence(&self, trouble: &Trouble) {
        self.books.note(&format!("headcount: {}; it is asked again\n", trouble.what));
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Read {
    Input(Columns),
    End,
    /// The batch is being stopped.
    Stopped,
    Failed(InputError),
}

/// Reads inputs on a thread of its own, because they may take for ever to come.
pub(crate) fn read(mut source: Box<dyn Source>) -> io::Result<mpsc::Receiver<Read>> {
    let (tell, told) = mpsc::channel(CHUNK);
    thread::Builder::new().name("intake".into()).spawn(move || {
        loop {
            let read = match source.next() {
                Ok(Some(columns)) => Read::Input(columns),
                Ok(None) => Read::End,
                Err(InputError::Stopped) => Read::Stopped,
                Err(error) => Read::Failed(error),
            };
            let goes_on = matches!(read, Read::Input(_));
            if tell.blocking_send(read).is_err() || !goes_on {
                return;
            }
        }
    })?;
    Ok(told)
}

/// Who puts members in.
#[derive(Debug)]
pub(crate) struct Registrar<'a> {
    desk: &'a Desk,
    inputs: mpsc::Receiver<Read>,
    chunk: Vec<(String, Vec<u8>)>,
    bytes: usize,
}

/// Why nobody else is put in.
#[derive(Debug)]
enum Over {
    /// The group is over.
    Group,
    Engine(Trouble),
}

impl<'a> Registrar<'a> {
    pub(crate) fn new(desk: &'a Desk, inputs: mpsc::Receiver<Read>) -> Self {
        Self { desk, inputs, chunk: Vec::new(), bytes: 0 }
    }

    /// Registers all there are, and says how many; not beyond the end of this context.
    pub(crate) async fn run(mut self, ctx: &Context) -> (Ran, Unread, Result<(), Trouble>) {
        match self.take_all(ctx).await {
            Ok(ran) => (ran, self.unread(ran), Ok(())),
            Err(Over::Group) => (Ran::Unread, self.unread(Ran::Unread), Ok(())),
            Err(Over::Engine(trouble)) => (Ran::Dry, Unread::Perhaps, Err(trouble)),
        }
    }

    async fn take_all(&mut self, ctx: &Context) -> Result<Ran, Over> {
        let books = &self.desk.books;
        loop {
            if books.stop.is_asked() {
                return Ok(Ran::Unread);
            }
            let wait = if self.chunk.is_empty() { HERE } else { FLUSH };
            let read = tokio::select! {
                read = timeout(wait, self.inputs.recv()) => read,
                _ = ctx.wait_async() => return Ok(Ran::Unread),
            };
            match read {
                Err(_) if self.chunk.is_empty() => self.say_here().await?,
                Err(_) => self.flush().await?,
                Ok(Some(Read::Input(columns))) => match self.take(&columns) {
                    Ok(()) if self.chunk.len() >= CHUNK || self.bytes >= BYTES => self.flush().await?,
                    Ok(()) => {}
                    Err(why) => return self.run_dry(&why).await,
                },
                Ok(Some(Read::Failed(error))) => return self.run_dry(&Dry::Input(error)).await,
                Ok(Some(Read::Stopped)) => return Ok(Ran::Unread),
                Ok(Some(Read::End) | None) => {
                    self.seal().await?;
                    match books.seal() {
                        Ok(verdict) => _ = books.heed(verdict),
                        Err(error) => books.run_dry(&Dry::Step(error)),
                    }
                    return Ok(Ran::Out);
                }
            }
        }
    }

    /// Counts a member out, and puts it into the chunk.
    fn take(&mut self, columns: &Columns) -> Result<(), Dry> {
        let Desk { books, form, kept, .. } = self.desk;
        let next = locked(&books.ledger).last() + 1;
        let payload = form.fill(next, columns).payload();
        if payload.len() > form.most + HEADROOM {
            let what = format!(
                "with its command it has {} bytes, and the engine takes {} of a member",
                payload.len(),
                form.most + HEADROOM
            );
            return Err(Dry::Engine(what, "--max-output raises that; or name files that hold what is long"));
        }
        let number = books.register(columns)?;
        locked(kept).push(columns).map_err(|error| Dry::Input(error.into()))?;
        books.record.tell(&Happening::Registered(Whose { number, columns }));
        locked(&self.desk.out).insert(number);
        self.bytes += payload.len();
        self.chunk.push((member_name(number, &legible::one_line(&columns.join(&b' '))), payload));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Over> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let Desk { engine, group, .. } = self.desk;
        let chunk = &self.chunk;
        let added = engine.ask(|| engine.store.add(*group, chunk), |why| self.desk.tell_silence(why)).await;
        self.chunk.clear();
        self.bytes = 0;
        match added.map_err(Over::Engine)? {
            Added::In { .. } => Ok(()),
            // Sealed it is by nobody else.
            Added::Over(_) | Added::Sealed(_) => Err(Over::Group),
        }
    }

    async fn say_here(&self) -> Result<(), Over> {
        let Desk { engine, group, .. } = self.desk;
        let kept = engine.ask(|| engine.store.keep(*group), |why| self.desk.tell_silence(why)).await;
        kept.map(drop).map_err(Over::Engine)
    }

    /// These are all.
    async fn seal(&mut self) -> Result<(), Over> {
        self.flush().await?;
        let Desk { engine, group, books, .. } = self.desk;
        let total = locked(&books.ledger).last();
        let sealed = engine.ask(|| engine.store.seal(*group, total), |why| self.desk.tell_silence(why)).await;
        sealed.map(drop).map_err(Over::Engine)
    }

    /// The rest cannot be had; those before it run to their end.
    async fn run_dry(&mut self, why: &Dry) -> Result<Ran, Over> {
        self.desk.books.run_dry(why);
        self.seal().await?;
        Ok(Ran::Dry)
    }

    fn unread(&mut self, ran: Ran) -> Unread {
        match ran {
            Ran::Out => Unread::Nothing,
            // They are counted, as never begun.
            Ran::Unread if self.desk.books.total.is_some() => Unread::Nothing,
            Ran::Unread if matches!(self.inputs.try_recv(), Ok(Read::Input(_))) => Unread::Something,
            Ran::Unread => Unread::Perhaps,
            Ran::Dry => Unread::Something,
        }
    }
}
