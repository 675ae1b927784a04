//! `headcount fetch` beside `curl -Z`: many small files, from a server in this process, on loopback.
//!
//! Both get the same addresses as a list in a file, may have fifty transfers at once, and store every file in an empty folder
//! below the one for temporary files (`TMPDIR`: in memory or on a disk, which makes a difference). A run counts only if all the
//! files are there and whole afterwards.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use super::timing::median;
use super::tool::{Tool, in_path};

const FILES: usize = 10_000;
const SIZE: usize = 1024;
const ROUNDS: usize = 11;

/// What one run took.
struct Took {
    seconds: f64,
    /// Of the processor.
    busy: f64,
}

pub(super) fn table(tools: &[Tool]) -> Result<String, String> {
    let ours = tools.first().ok_or("headcount was not built")?;
    let Some(curl) = in_path("curl") else { return Ok("curl is not on this machine, and left out".into()) };
    let said = Command::new(&curl).arg("--version").output().map_err(|error| format!("curl: {error}"))?;
    println!("{}", String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or("curl"));
    let folder = std::env::temp_dir().join(format!("headcount-compare-fetch-{}", std::process::id()));
    let measured = measure(ours.program(), &curl, &folder);
    let _ = fs::remove_dir_all(&folder);
    let (ours, theirs) = measured?;
    let column = |took: &[Took], of: fn(&Took) -> f64| median(took.iter().map(of).collect());
    let ratio =
        median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours.seconds / theirs.seconds).collect());
    let mut text = format!(
        "| | {FILES} files of {SIZE} bytes, fifty at once | of curl, pair by pair | processor time |\n|---|---|---|---|\n"
    );
    for (name, took, ratio) in [("headcount fetch", &ours, ratio), ("curl -Z", &theirs, 1.0)] {
        let (seconds, busy) = (column(took, |took| took.seconds), column(took, |took| took.busy));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {:.0} ms | {ratio:.2} × | {:.0} ms |", seconds * 1e3, busy * 1e3);
    }
    Ok(text)
}

fn measure(ours: &Path, curl: &Path, folder: &Path) -> Result<(Vec<Took>, Vec<Took>), String> {
    let address = serve().map_err(|error| format!("a server on loopback: {error}"))?;
    let stored = folder.join("stored");
    let list = |name: &str, line: fn(&str) -> String| {
        let urls = (0..FILES).map(|file| format!("http://{address}/file{file}"));
        let text: String = urls.map(|url| line(&url)).collect();
        let path = folder.join(name);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map(|()| path).map_err(|error| format!("a list in {}: {error}", folder.display()))
    };
    let plain = list("plain", |url| format!("{url}\n"))?;
    let config = list("config", |url| format!("url = \"{url}\"\n"))?;
    let mut fetch = Command::new(ours);
    fetch.args(["fetch", "--quiet", "-j50", "-a"]).arg(plain);
    let mut other = Command::new(curl);
    other.args(["-sS", "-Z", "--parallel-max", "50", "--remote-name-all", "-K"]).arg(config);
    let (mut all_ours, mut all_theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Who is first changes, so that it does not matter.
        if round % 2 == 0 {
            all_ours.push(once(&mut fetch, &stored)?);
        }
        all_theirs.push(once(&mut other, &stored)?);
        if round % 2 == 1 {
            all_ours.push(once(&mut fetch, &stored)?);
        }
    }
    Ok((all_ours, all_theirs))
}

fn once(command: &mut Command, stored: &Path) -> Result<Took, String> {
    let told = |error| format!("{}: {error}", stored.display());
    let _ = fs::remove_dir_all(stored);
    fs::create_dir_all(stored).map_err(told)?;
    command.current_dir(stored).env("NO_PROXY", "*");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (begun, before) = (Instant::now(), busy());
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    let took = Took { seconds: begun.elapsed().as_secs_f64(), busy: busy() - before };
    let whole = |file: &usize| {
        fs::metadata(stored.join(format!("file{file}"))).is_ok_and(|file| file.len() == SIZE as u64)
    };
    match (0..FILES).filter(whole).count() {
        FILES if status.success() => Ok(took),
        whole => Err(format!("{command:?}: {status}, and {whole} of {FILES} files were stored")),
    }
}

/// How long children of this process that have ended kept a processor busy, in seconds; 0 where that is not told.
fn busy() -> f64 {
    // The clock's ticks a second, as programs are told of them on every Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields.split(' ').skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Serves one small file for every path, on connections that stay open, as long as the process lives. A thread a connection:
/// the server is to take little of the machine from those who are timed.
fn serve() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\netag: \"1\"\r\n\r\n").into_bytes();
    answer.resize(answer.len() + SIZE, b'x');
    let answer: &'static [u8] = answer.leak();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(stream, answer));
        }
    });
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
