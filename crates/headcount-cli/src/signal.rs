//! Signals: caught here, noted as flags, answered by the watch.
//!
//! INT asks for one strength of stopping more each time; TERM and HUP terminate at once; USR1 asks for the
//! roll call; USR2 for the control file to be read; TSTP, Ctrl-Z, for a pause. A HUP that was ignored when the command started (`nohup`) stays ignored, and so does
//! a TSTP (a shell without job control).

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};

/// The signals that came and were not answered yet.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    hang_up: Arc<AtomicBool>,
    roll_call: Arc<AtomicBool>,
    pause: Arc<AtomicBool>,
    limit: Arc<AtomicBool>,
    resume: Arc<AtomicBool>,
    /// The last deadly signal that came, answered or not; 0 for none. Written by the handlers alone.
    caught: Arc<AtomicUsize>,
}

impl Signals {
    /// Catches them from now on; each pulls the rope.
    pub(crate) fn catch(rope: &UnixStream) -> io::Result<Self> {
        let caught = Arc::new(AtomicUsize::new(0));
        let deadly = |signal| {
            signal_hook::flag::register_usize(signal, Arc::clone(&caught), signal.unsigned_abs() as usize)?;
            catch(signal, rope)
        };
        let ignored = Ignored::at_start();
        Ok(Self {
            interrupt: deadly(SIGINT)?,
            terminate: deadly(SIGTERM)?,
            hang_up: if ignored.has(SIGHUP) { Arc::default() } else { deadly(SIGHUP)? },
            roll_call: catch(SIGUSR1, rope)?,
            pause: if ignored.has(SIGTSTP) { Arc::default() } else { catch(SIGTSTP, rope)? },
            limit: catch(SIGUSR2, rope)?,
            resume: catch(SIGCONT, rope)?,
            caught,
        })
    }

    /// The last deadly signal that came, whoever has answered it by now.
    pub(crate) fn caught(&self) -> Option<i32> {
        i32::try_from(self.caught.load(Ordering::SeqCst)).ok().filter(|&signal| signal != 0)
    }

    /// Ctrl-C was pressed since the last look.
    pub(crate) fn take_interrupt(&self) -> bool {
        take(&self.interrupt)
    }

    /// The deadly signal that came since the last look, if one did.
    pub(crate) fn take_deadly(&self) -> Option<i32> {
        // Both are taken, so that none is answered later.
        let (hang_up, terminate) = (take(&self.hang_up), take(&self.terminate));
        if terminate { Some(SIGTERM) } else { hang_up.then_some(SIGHUP) }
    }

    /// The roll call was asked for since the last look.
    pub(crate) fn take_roll_call(&self) -> bool {
        take(&self.roll_call)
    }

    /// The limit was to be read again since the last look.
    pub(crate) fn take_limit(&self) -> bool {
        take(&self.limit)
    }

    /// Ctrl-Z was pressed since the last look. What continued us before that is forgotten.
    pub(crate) fn take_pause(&self) -> bool {
        let pause = take(&self.pause);
        if pause {
            take(&self.resume);
        }
        pause
    }

    /// We were told to go on since the last look.
    pub(crate) fn take_resume(&self) -> bool {
        take(&self.resume)
    }
}

fn catch(signal: i32, rope: &UnixStream) -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    // The flag first: who is woken must find it. Actions run in the order they were registered.
    signal_hook::flag::register(signal, Arc::clone(&flag))?;
    signal_hook::low_level::pipe::register(signal, rope.try_clone()?)?;
    Ok(flag)
}

fn take(flag: &AtomicBool) -> bool {
    // SeqCst: the handler stores so, and a few signals a run cost nothing.
    flag.swap(false, Ordering::SeqCst)
}

/// The signals that whoever started us had ignored. Where the system does not tell, none.
struct Ignored(u64);

impl Ignored {
    fn at_start() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
    }

    fn has(&self, signal: i32) -> bool {
        self.0 & (1 << (signal - 1)) != 0
    }
}

/// What people call a signal.
pub(crate) fn name(signal: i32) -> String {
    match signal_hook::low_level::signal_name(signal) {
        Some(name) => format!("signal {signal} ({name})"),
        None => format!("signal {signal}"),
    }
}
