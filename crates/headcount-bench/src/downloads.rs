//! The `fetch` row: headcount as a downloader beside curl, from a server on loopback in this process.
//!
//! Both get the same addresses as a list in a file, may have fifty transfers at once, and store every file in an empty folder. A
//! sample counts only if all the files are there and whole afterwards.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::contestants::Role;
use crate::row::Row;
use crate::timing::{Effort, Sample};
use crate::{beside, bounded};

/// Longer than the slowest of them takes for all files.
const LIMIT: Duration = Duration::from_secs(120);

/// The size of a file.
const SIZE: usize = 1024;

/// A command that stores what addresses lead to.
#[derive(Debug)]
pub(crate) struct Downloader {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    program: &'static str,
}

pub(crate) const ALL: &[Downloader] = &[
    Downloader { name: "headcount fetch", role: Role::Ours, program: "headcount" },
    Downloader { name: "curl -Z", role: Role::Peer, program: "curl" },
];

impl Downloader {
    pub(crate) fn takes_part(&self, row: Row) -> bool {
        row == Row::Fetch
    }

    /// Where its program is.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        match self.role {
            Role::Ours => beside::built("headcount-cli", self.program),
            _ => crate::commands::in_path(self.program)
                .ok_or(format!("{} is not on this machine", self.program)),
        }
    }

    /// One sample in this process.
    pub(crate) fn time(&self, effort: Effort) -> Result<Sample, String> {
        let path = match self.role {
            // Built by the process that asks for this sample.
            Role::Ours => beside::path(self.program),
            _ => self.find()?,
        };
        let folder = env::temp_dir().join(format!("headcount-bench-fetch-{}", std::process::id()));
        let sample =
            self.once(&path, &folder, effort.files()).map_err(|error| format!("{}: {error}", self.program));
        let _ = fs::remove_dir_all(&folder);
        sample.map(Sample::nanos)
    }

    fn once(&self, program: &Path, folder: &Path, files: usize) -> io::Result<f64> {
        let stored = folder.join("stored");
        fs::create_dir_all(&stored)?;
        let address = serve()?;
        let list = folder.join("list");
        let url = |file| format!("http://{address}/file{file}");
        let mut command = Command::new(program);
        if self.role == Role::Ours {
            let lines: String = (0..files).map(|file| format!("{}\n", url(file))).collect();
            fs::write(&list, lines)?;
            command.args(["fetch", "-j50", "-a"]).arg(&list);
        } else {
            let lines: String = (0..files).map(|file| format!("url = \"{}\"\n", url(file))).collect();
            fs::write(&list, lines)?;
            command.args(["-sS", "-Z", "--parallel-max", "50", "--remote-name-all", "-K"]).arg(&list);
        }
        command.current_dir(&stored).env("NO_PROXY", "*").stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let status = bounded::run(command.stderr(Stdio::null()), LIMIT)?;
        let nanos = begun.elapsed().as_nanos() as f64;
        let whole = (0..files).filter(|file| {
            fs::metadata(stored.join(format!("file{file}"))).is_ok_and(|file| file.len() == SIZE as u64)
        });
        match whole.count() {
            whole if status.success() && whole == files => Ok(nanos),
            whole => Err(io::Error::other(format!("{status}, and {whole} of {files} files were stored"))),
        }
    }
}

/// Serves one small file for every path, on connections that stay open, as long as the process lives. A thread a
/// connection: the server is to take little of the machine from those who are timed.
fn serve() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut answer = format!("HTTP/1.1 200 OK\r\netag: \"x\"\r\ncontent-length: {SIZE}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + SIZE, b'x');
    let answer: &'static [u8] = answer.leak();
    thread::Builder::new().spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who cannot be served is missed when the files are counted.
            let _ = thread::Builder::new().stack_size(64 * 1024).spawn(move || converse(stream, answer));
        }
    })?;
    Ok(address)
}

fn converse(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.set_nodelay(true);
    let (mut request, mut filled) = ([0; 8192], 0);
    while let Ok(read @ 1..) = stream.read(&mut request[filled..]) {
        filled += read;
        if request[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}
