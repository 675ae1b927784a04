//! One attempt: a request, its answer, and the file that comes of it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use reqwest::header::{IF_RANGE, RANGE};
use reqwest::{Response, Url};
use sha2::{Digest, Sha256};

use super::answer::{self, Asked};
use super::client;
use super::desk::Desk;
use super::part::Part;
use super::sums::{Sum, digits};
use super::transfer::{Doing, Transfer};
use super::trouble::Trouble;
use crate::args::Exists;
use crate::process::Pause;
use std::sync::atomic::Ordering;

/// The file is where it belongs.
#[derive(Debug)]
pub(super) struct Stored {
    /// It was so before, and nothing was fetched.
    pub(super) was_there: bool,
}

/// Makes an attempt. It may be dropped at any time: what there is of the file is put away.
pub(super) async fn attempt(desk: &Desk, transfer: &Transfer) -> Result<Stored, Trouble> {
    let url = transfer.address.url.as_ref().map_err(|(what, hint)| Trouble::lasting(what, *hint))?;
    let name = transfer.name.as_str();
    let sum = published(desk, transfer)?;
    let storing = |error: &std::io::Error| Trouble::storing("storing", &desk.folder.shown(name), error);
    if desk.rules.exists != Exists::Replace && desk.folder.has(name).map_err(|error| storing(&error))? {
        return there_already(desk, name, sum).await;
    }
    let first = transfer.attempt() <= 1;
    let mut part =
        Part::find(&desk.folder, name, &transfer.address.shown, first).map_err(|error| storing(&error))?;
    let asked = part.asks();
    let outcome = receive(desk, transfer, url, &mut part, asked.as_ref(), sum.is_some()).await;
    let found = match outcome {
        Ok(found) => found,
        Err(trouble) => {
            if trouble.next == super::trouble::Next::Anew {
                part.forget();
            }
            return Err(trouble);
        }
    };
    if let Some((sum, found)) = sum.zip(found) {
        if sum != found {
            part.forget();
            return Err(wrong_sum(&sum, &found, asked.is_some()));
        }
    }
    let over = desk.rules.exists == Exists::Replace;
    part.finish(over).map_err(|error| storing(&error))?;
    Ok(Stored { was_there: false })
}

/// The sum the file has to have, if sums were given.
fn published(desk: &Desk, transfer: &Transfer) -> Result<Option<Sum>, Trouble> {
    let Some(sums) = &desk.sums else { return Ok(None) };
    let sum = sums.of(&transfer.address, &transfer.name);
    sum.map(Some).ok_or_else(|| {
        let what = format!("no checksum is listed for it, neither for its address nor for {}", transfer.name);
        Trouble::lasting(what, "add a line for it to the file of --sha256, or fetch it without")
    })
}

fn wrong_sum(sum: &Sum, found: &Sum, in_parts: bool) -> Trouble {
    let what = format!("its SHA-256 is {}, and should be {}", digits(found), digits(sum));
    // The first part may have been damaged while it lay here.
    if in_parts {
        Trouble::stale(what)
    } else {
        Trouble::lasting(what, "nothing of it was kept; is the sum of this version?")
    }
}

/// There is a file of that name.
async fn there_already(desk: &Desk, name: &str, sum: Option<Sum>) -> Result<Stored, Trouble> {
    const HINT: &str = "move it away, or take --exists replace";
    let shown = desk.folder.shown(name);
    if desk.rules.exists == Exists::Fail {
        return Err(Trouble::lasting(format!("{shown} is there already"), HINT));
    }
    if let Some(sum) = sum {
        let found = sum_of(desk, name).await.map_err(|error| Trouble::storing("reading", &shown, &error))?;
        if sum != found {
            let what = format!(
                "{shown} is there already, and its SHA-256 is {}, not {}",
                digits(&found),
                digits(&sum)
            );
            return Err(Trouble::lasting(what, HINT));
        }
    }
    Ok(Stored { was_there: true })
}

async fn sum_of(desk: &Desk, name: &str) -> std::io::Result<Sum> {
    use std::io::Read as _;
    let mut file = desk.folder.file(name, rustix::fs::OFlags::RDONLY)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&piece[..read]),
        }
        tokio::task::yield_now().await;
    }
}

/// Asks for the file and writes it into its part. Gives the sum of all of it, if it is needed.
async fn receive(
    desk: &Desk,
    transfer: &Transfer,
    url: &Url,
    part: &mut Part<'_>,
    asked: Option<&Asked>,
    sums: bool,
) -> Result<Option<Sum>, Trouble> {
    let name = transfer.name.as_str();
    let storing = |error: std::io::Error| Trouble::storing("storing", &desk.folder.shown(name), &error);
    transfer.does(Doing::Asks);
    let (stall, connect) = (desk.rules.stall, desk.rules.connect);
    // Connecting has its own limit.
    let patience = stall.saturating_add(connect);
    let mut response = soon(desk, patience, "did not answer", ask(desk, url, asked)).await??;
    let body = answer::judge(response.status(), response.headers(), asked)?;
    too_large(desk, body.size)?;
    part.begin(&body).map_err(storing)?;
    transfer.will_have(body.size);
    transfer.has(part.len());
    transfer.does(Doing::Receives);
    let mut hasher = (sums && body.from == 0).then(Sha256::new);
    loop {
        let chunk = soon(desk, stall, "sent nothing more", response.chunk()).await?;
        let Some(chunk) = chunk.map_err(|error| client::trouble(error, connect))? else { break };
        // Relaxed: a figure for people.
        desk.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let length = part.len() + chunk.len() as u64;
        if body.size.is_some_and(|size| length > size) {
            return Err(Trouble::stale("more came than was announced"));
        }
        too_large(desk, Some(length))?;
        part.write(&chunk).map_err(storing)?;
        if let Some(hasher) = &mut hasher {
            hasher.update(&chunk);
        }
        transfer.has(length);
    }
    if let Some(size) = body.size.filter(|&size| size != part.len()) {
        let what = format!("the file ended after {} of {size} bytes", part.len());
        return Err(Trouble::passing(
            what,
            "what is there of it is kept, and gone on with if the server can",
        ));
    }
    if !sums {
        return Ok(None);
    }
    if let Some(hasher) = hasher {
        return Ok(Some(hasher.finalize().into()));
    }
    let mut hasher = Sha256::new();
    part.reread(|bytes| hasher.update(bytes)).await.map_err(storing)?;
    Ok(Some(hasher.finalize().into()))
}

async fn ask(desk: &Desk, url: &Url, asked: Option<&Asked>) -> Result<Response, Trouble> {
    let mut request = desk.client.get(url.clone());
    if let Some(asked) = asked {
        request =
            request.header(RANGE, format!("bytes={}-", asked.from)).header(IF_RANGE, asked.validator.text());
    }
    request.send().await.map_err(|error| client::trouble(error, desk.rules.connect))
}

/// Waits for the server, but not for ever.
async fn soon<T>(
    desk: &Desk,
    limit: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> Result<T, Trouble> {
    within(&desk.pause, limit, future).await.ok_or_else(|| {
        Trouble::passing(
            format!("the server {what} within {limit:?}"),
            "is it busy? --stall-timeout gives it more time",
        )
    })
}

/// Waits so long; the time for which we were stopped does not count, for then nobody could come.
pub(super) async fn within<T>(pause: &Pause, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let (mut left, mut paused) = (limit, pause.total());
    loop {
        if let Ok(came) = tokio::time::timeout(left, &mut future).await {
            return Some(came);
        }
        let now = pause.total();
        left = now.saturating_sub(paused);
        if left.is_zero() {
            return None;
        }
        paused = now;
    }
}

fn too_large(desk: &Desk, size: Option<u64>) -> Result<(), Trouble> {
    match desk.rules.max_body.zip(size) {
        Some((most, size)) if size > most => Err(Trouble {
            next: super::trouble::Next::Never,
            ..Trouble::lasting(
                format!("the file has {size} bytes or more, and {most} are allowed"),
                "--max-body allows more",
            )
        }),
        _ => Ok(()),
    }
}
