//! A headless Chromium, told what to do over two pipes in its DevTools protocol: JSON, each message ended by a zero byte.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// As long as anything may take.
const LIMIT: Duration = Duration::from_secs(60);
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

pub(crate) struct Chromium {
    child: Mutex<Child>,
    input: Mutex<ChildStdin>,
    output: Receiver<Value>,
    next: Cell<u64>,
    /// What went wrong on a page.
    complaints: Mutex<Vec<String>>,
    profile: std::path::PathBuf,
}

impl Chromium {
    /// None if there is none on this machine.
    pub(crate) fn launch() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let program =
            NAMES.iter().find_map(|name| folders.iter().map(|f| f.join(name)).find(|p| p.is_file()))?;
        static LAUNCHED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = LAUNCHED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let profile =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("profile-{}-{number}", std::process::id()));
        // It reads descriptor 3 and writes 4; only a shell can arrange that without unsafe code.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh"])
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = child.stdin.take().expect("piped");
        let mut reader = BufReader::new(child.stdout.take().expect("piped"));
        let (send, output) = channel();
        // Ends with the browser, whose end of the pipe closes.
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while reader.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if send.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let (child, input) = (Mutex::new(child), Mutex::new(input));
        Some(Self { child, input, output, next: Cell::new(1), complaints: Mutex::default(), profile })
    }

    /// Opens a file in a window of this size, and waits until its script has run.
    pub(crate) fn open(&self, file: &Path, wide: u32, high: u32) -> Page<'_> {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session =
            self.call(None, "Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        let page = Page { chromium: self, session: session.expect("a session") };
        page.call("Runtime.enable", json!({}));
        page.call("Log.enable", json!({}));
        page.call("Network.enable", json!({}));
        page.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": wide, "height": high, "deviceScaleFactor": 1, "mobile": wide < 500 }),
        );
        page.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        page.until("window.timeline !== undefined && document.readyState === 'complete'");
        page
    }

    fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.next.replace(self.next.get() + 1);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut text = message.to_string();
        text.push('\0');
        self.input.lock().unwrap().write_all(text.as_bytes()).expect("the browser listens");
        loop {
            let answer = self.output.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.note(&answer);
        }
    }

    /// An exception, an error in the log, or a look outside is a complaint.
    fn note(&self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => params["exceptionDetails"].to_string(),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => params["entry"].to_string(),
            Some("Network.requestWillBeSent") => match params["request"]["url"].as_str() {
                Some(url) if !url.starts_with("file://") && !url.starts_with("about:") => url.to_owned(),
                _ => return,
            },
            _ => return,
        };
        self.complaints.lock().unwrap().push(complaint);
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.input.lock().map(|mut input| {
            input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").and_then(|()| input.flush())
        });
        if let Ok(mut child) = self.child.lock() {
            let patience = Instant::now() + Duration::from_secs(5);
            while child.try_wait().is_ok_and(|ended| ended.is_none()) {
                if Instant::now() > patience {
                    let _ = child.kill();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

pub(crate) struct Page<'c> {
    chromium: &'c Chromium,
    session: String,
}

impl Page<'_> {
    fn call(&self, method: &str, params: Value) -> Value {
        self.chromium.call(Some(&self.session), method, params)
    }

    /// What an expression is, on the page.
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != true {
            assert!(begun.elapsed() < LIMIT, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Dark or light, as the reader's system would have it.
    pub(crate) fn scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    pub(crate) fn mouse(&self, kind: &str, x: f64, y: f64) {
        let held = i32::from(kind != "mouseMoved");
        let event = json!({ "type": kind, "x": x, "y": y, "clickCount": held,
            "button": if held == 1 { "left" } else { "none" } });
        self.call("Input.dispatchMouseEvent", event);
    }

    pub(crate) fn click(&self, x: f64, y: f64) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.mouse(kind, x, y);
        }
    }

    /// Clicks on the element with this id.
    pub(crate) fn click_on(&self, id: &str) {
        let middle = self.evaluate(&format!(
            "(() => {{ const box = document.getElementById('{id}').getBoundingClientRect();
               return [box.left + box.width / 2, box.top + box.height / 2]; }})()"
        ));
        self.click(middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    }

    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        self.mouse("mouseMoved", from.0, from.1);
        self.mouse("mousePressed", from.0, from.1);
        for n in 1..=8 {
            let share = f64::from(n) / 8.0;
            let (x, y) = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            let event = json!({ "type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
        self.mouse("mouseReleased", to.0, to.1);
    }

    pub(crate) fn wheel(&self, x: f64, y: f64, by: f64) {
        let event = json!({ "type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": by });
        self.call("Input.dispatchMouseEvent", event);
    }

    pub(crate) fn tap(&self, x: f64, y: f64) {
        let touch = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
        self.call("Input.dispatchTouchEvent", touch);
        self.call("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] }));
    }

    /// Presses a key: a character, or one with a name.
    pub(crate) fn key(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "Home" => 36,
            "ArrowRight" => 39,
            _ => 0,
        };
        let text = if key.chars().count() == 1 { key } else { "" };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", down.clone());
        down["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", down);
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Fails if a script threw, or if the page wanted anything from outside.
    pub(crate) fn is_quiet(&self) {
        self.evaluate("0");
        let complaints = self.chromium.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Keeps a picture, if somebody wants to look at it.
    pub(crate) fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("HEADCOUNT_SCREENSHOTS") else { return };
        // What was asked for is drawn in the next frame.
        self.call(
            "Runtime.evaluate",
            json!({ "expression": "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))",
                    "awaitPromise": true }),
        );
        let picture = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": false }));
        let bytes = base64(picture["data"].as_str().expect("a picture"));
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).expect("the picture is kept");
    }
}

/// What the text stands for.
fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    digits
        .chunks(4)
        .flat_map(|four| {
            let bits = four.iter().fold(0_u32, |bits, d| bits << 6 | u32::from(*d)) << (6 * (4 - four.len()));
            bits.to_be_bytes()[1..four.len()].to_vec()
        })
        .collect()
}
