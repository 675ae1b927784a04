//! What a member printed, on its way to the engine: in memory as long as it is no more than the engine takes, and from there on in
//! files that stay on this machine, because a part of an output would be worse than none.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use headcount_cluster::Job;

use crate::engine;
use crate::legible;
use crate::locked;
use crate::output::Stream;

/// Where the files lie: in the folder that was named, or in one of our own that is made for the first of them.
#[derive(Debug)]
pub(crate) struct Keep {
    given: Option<PathBuf>,
    made: Mutex<Option<PathBuf>>,
}

impl Keep {
    pub(crate) fn new(given: Option<PathBuf>) -> Self {
        Self { given, made: Mutex::new(None) }
    }

    fn folder(&self) -> io::Result<PathBuf> {
        let mut made = locked(&self.made);
        if let Some(made) = &*made {
            return Ok(made.clone());
        }
        let folder = match &self.given {
            Some(given) => {
                // What members print is nobody else's business.
                DirBuilder::new().recursive(true).mode(0o700).create(given)?;
                given.canonicalize()?
            }
            None => tempfile::Builder::new().prefix("headcount-kept-").tempdir()?.keep(),
        };
        Ok(made.insert(folder).clone())
    }
}

/// See the room's text.
#[derive(Debug)]
pub(super) struct Haul {
    out: Vec<u8>,
    err: Vec<u8>,
    most: usize,
    bytes: u64,
    keep: Arc<Keep>,
    /// The files' name, without its ending.
    name: String,
    /// The files, once it is too much; or why there are none.
    files: Option<io::Result<Files>>,
}

#[derive(Debug)]
struct Files {
    path: PathBuf,
    out: File,
    err: File,
}

/// What is to be done with it.
#[derive(Debug)]
pub(super) enum Weighed {
    /// It goes to the engine.
    Light(Vec<u8>, Vec<u8>),
    /// It was too much: how much, and where it is, in words.
    Heavy(String),
}

impl Files {
    /// What was heard so far goes first.
    fn open(haul: &Haul) -> io::Result<Self> {
        let path = haul.keep.folder()?.join(&haul.name);
        let open = |ending: &str| {
            let mut path = path.clone().into_os_string();
            path.push(ending);
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
        };
        let mut files = Self { out: open(".out")?, err: open(".err")?, path };
        files.out.write_all(&haul.out)?;
        files.err.write_all(&haul.err)?;
        Ok(files)
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Out => self.out.write_all(bytes),
            Stream::Err => self.err.write_all(bytes),
        }
    }
}

impl Haul {
    /// Of this attempt, of which the engine takes so much.
    pub(super) fn new(job: &Job, most: usize, keep: Arc<Keep>) -> Self {
        let (number, _) = engine::member_of(job.member.id());
        let name = format!("{}-{}-{}", job.group, number.unwrap_or_default(), job.attempt);
        Self { out: Vec::new(), err: Vec::new(), most, bytes: 0, keep, name, files: None }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.files.is_none() && self.out.len() + self.err.len() + bytes.len() > self.most {
            self.files = Some(Files::open(self));
            (self.out, self.err) = (Vec::new(), Vec::new());
        }
        match &mut self.files {
            None if stream == Stream::Out => self.out.extend_from_slice(bytes),
            None => self.err.extend_from_slice(bytes),
            Some(Ok(files)) => {
                if let Err(error) = files.write(stream, bytes) {
                    self.files = Some(Err(error));
                }
            }
            Some(Err(_)) => {}
        }
    }

    pub(super) fn weigh(self) -> Weighed {
        let too_much =
            format!("it printed {} bytes, and the engine takes {} (--max-output)", self.bytes, self.most);
        match self.files {
            None => Weighed::Light(self.out, self.err),
            Some(Ok(files)) => {
                let path = legible::one_line(files.path.as_os_str().as_bytes());
                Weighed::Heavy(format!(
                    "{too_much}: they are kept on {} in {path}.out and .err",
                    engine::host()
                ))
            }
            Some(Err(error)) => Weighed::Heavy(format!(
                "{too_much}, and they could not be kept on {}: {error}",
                engine::host()
            )),
        }
    }
}
