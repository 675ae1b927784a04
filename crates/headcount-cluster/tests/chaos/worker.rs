//! One worker, as a process of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use headcount::Context;
use headcount_cluster::{Failure, Finished, Job, Worker, WorkerEvent};

use crate::{FAILS, MADE, WHY, patient};

/// Serves the engine at `url` until standard input ends, and writes down in the file `witness` what it does before it does it. A
/// line is there when it is written, whatever happens to this process then.
pub(crate) fn serve(url: &str, witness: &str) -> ExitCode {
    // Paused as it may be, it must not outlive whoever would wake it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .expect("Linux knows it");
    let path = PathBuf::from(witness);
    let (name, takes, limit) = orders(&path);
    let made = path.with_file_name(MADE);
    let file = OpenOptions::new().create(true).append(true).open(&path).expect("a witness");
    let witness = Arc::new(file);
    let says = Arc::clone(&witness);
    let (ctx, cancel) = Context::background().with_cancel();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        cancel.cancel();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let served = runtime.block_on(async {
        Worker::new(patient(url).await)
            .named(name)
            .limit(limit)
            .grace(Duration::ZERO)
            .handle_bytes("square", move |ctx, job| {
                square(ctx, job, Arc::clone(&witness), made.clone(), takes)
            })
            .on_event(move |event| {
                if let WorkerEvent::Ended { token, said: Some(Finished::Stale), .. } = event {
                    write(&says, &format!("stale {}", token.member));
                }
            })
            .run(&ctx)
            .await
    });
    match served {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// The name, how long members take, and how many run at once: from the name of the witness, `NAME.TAKES.LIMIT`.
fn orders(witness: &Path) -> (String, Duration, usize) {
    let told = witness.file_name().and_then(|name| name.to_str()).expect("a name");
    let mut told = told.split('.');
    let name = told.next().expect("a name").to_owned();
    let mut number = || told.next().and_then(|text| text.parse::<u32>().ok()).expect("a number");
    (name, Duration::from_millis(number().into()), number() as usize)
}

async fn square(
    ctx: Context,
    job: Job,
    witness: Arc<File>,
    made: PathBuf,
    takes: Duration,
) -> Result<Vec<u8>, Failure> {
    write(&witness, &format!("begins {} {}", job.member.id(), job.attempt));
    let (n, last): (u64, bool) =
        serde_json::from_slice(&job.args).map_err(|error| Failure::for_good(error.to_string()))?;
    let work = async {
        tokio::time::sleep(takes).await;
        while last && !made.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = work => {}
        cancelled = ctx.wait_async() => return Err(Failure::new(cancelled.to_string())),
    }
    if n % FAILS == 0 {
        return Err(Failure::for_good(WHY));
    }
    Ok(serde_json::to_vec(&(n * n)).expect("a number"))
}

fn write(mut witness: &File, line: &str) {
    // Whole, and at once: other members write as well.
    witness.write_all(format!("{line}\n").as_bytes()).expect("the witness takes it");
}
