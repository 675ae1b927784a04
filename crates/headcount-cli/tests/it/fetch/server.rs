//! A server on loopback that does with each request exactly what a test says, also what no server should.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::stage::LIMIT;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    /// How many asked for this path before.
    pub(crate) before: usize,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte that is asked for, if it is not the first of all.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What the server does.
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Nothing, until the client goes.
    Stall,
    /// Ends the connection.
    Close,
    /// Nothing, until the gate is open.
    Wait(Arc<Gate>),
}

/// Opened once, for all.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.1.wait_timeout_while(open, LIMIT, |open| !*open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

type Handler = dyn Fn(&Request) -> Vec<Act> + Send + Sync;

struct Inner {
    handler: Box<Handler>,
    asked: Mutex<Vec<Request>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// See the file's text. It serves as long as the process lives.
pub(crate) struct Server {
    address: String,
    inner: Arc<Inner>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address").to_string();
        let inner = Arc::new(Inner {
            handler: Box::new(handler),
            asked: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { address, inner }
    }

    /// Serves these bytes for every path: with a strong validator, and parts of them.
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |request| whole(request, &body, "\"one\""))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests were being answered at once at the worst moment: from before one can be [asked](Self::asked) for until
    /// before the last byte of its answer, so that nobody is counted who has come later.
    pub(crate) fn most_at_once(&self) -> usize {
        self.inner.most_at_once.load(Ordering::SeqCst)
    }

    /// Waits until so many were asked for.
    pub(crate) fn until_asked(&self, wanted: usize) {
        let since = Instant::now();
        while self.asked().len() < wanted {
            assert!(since.elapsed() < LIMIT, "waited in vain for {wanted} requests: {:?}", self.asked());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Inner {
    fn serve(&self, stream: &TcpStream) {
        let _ = stream.set_read_timeout(Some(LIMIT));
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        while let Some(request) = self.read(&mut reader) {
            let mut acts = (self.handler)(&request);
            let last = match acts.last_mut() {
                Some(Act::Send(bytes)) => bytes.pop().map(|byte| Act::Send(vec![byte])),
                _ => acts.pop(),
            };
            let go_on = acts.into_iter().all(|act| play(act, stream));
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            if !go_on || !last.is_none_or(|last| play(last, stream)) {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn read(&self, reader: &mut impl BufRead) -> Option<Request> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.iter().filter(|other| other.path == path).count();
        let request = Request { path, headers, before, at: Instant::now() };
        asked.push(request.clone());
        Some(request)
    }
}

/// True if the connection goes on.
fn play(act: Act, mut stream: &TcpStream) -> bool {
    match act {
        Act::Send(bytes) => stream.write_all(&bytes).is_ok(),
        Act::Stall => {
            let _ = stream.read(&mut [0; 1]);
            false
        }
        Act::Close => false,
        Act::Wait(gate) => {
            gate.wait();
            true
        }
    }
}

/// An answer with these lines, and this body announced by its length.
pub(crate) fn answer(status: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = head(status, &[lines, &[&format!("content-length: {}", body.len())]].concat());
    text.extend_from_slice(body);
    text
}

/// The head of an answer.
pub(crate) fn head(status: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\n");
    lines.iter().for_each(|line| text.push_str(&format!("{line}\r\n")));
    text.push_str("\r\n");
    text.into_bytes()
}

/// As a server should: all of it, or the rest of it if it is the same still.
pub(crate) fn whole(request: &Request, body: &[u8], etag: &str) -> Vec<Act> {
    let tag = format!("etag: {etag}");
    let same = request.header("if-range").is_none_or(|asked| asked == etag);
    match request.from().filter(|_| same) {
        Some(from) if from < body.len() => {
            let range = format!("content-range: bytes {from}-{}/{}", body.len() - 1, body.len());
            vec![Act::Send(answer("206 Partial Content", &[&tag, &range], &body[from..]))]
        }
        Some(_) => vec![Act::Send(answer("416 Range Not Satisfiable", &[], b""))],
        None => vec![Act::Send(answer("200 OK", &[&tag], body))],
    }
}

/// All of it is announced, so much of it comes, and then this.
pub(crate) fn torn(body: &[u8], etag: &str, after: usize, then: Act) -> Vec<Act> {
    let mut text = head("200 OK", &[&format!("etag: {etag}"), &format!("content-length: {}", body.len())]);
    text.extend_from_slice(&body[..after]);
    vec![Act::Send(text), then]
}
