//! What becomes of output, of arguments, and of a batch in which one fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tool::Tool;

const MEMBERS: usize = 300;

/// Three lines, each written in two pieces with a process started in between.
const CHATTY: &str = "for line in 1 2 3; do printf '%s:' \"$0\"; /bin/true; printf '%s\\n' $line; done";

/// Inputs that something on the way might change.
const ODD: [&[u8]; 9] = [
    b"a b",
    b"it's \"quoted\"",
    b"$HOME",
    b"two\nlines",
    b"\xff\xfe",
    b"*",
    b"back\\slash",
    b"-n",
    b"tab\tand  blanks ",
];

pub(super) fn table(tools: &[Tool]) -> Result<String, String> {
    let mut text = format!(
        "| | lines torn, of {} | members mixed, of {MEMBERS} | odd arguments unchanged, of {} | one of 20 fails: ran | exit code |\n|---|---|---|---|---|---|\n",
        3 * MEMBERS,
        ODD.len()
    );
    for tool in tools {
        let (torn, mixed) = output(tool)?;
        let arrived = arguments(tool)?;
        let (ran, code) = failure(tool)?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {torn} | {mixed} | {arrived} | {ran} | {code} |", tool.name);
    }
    Ok(text)
}

/// How many lines were torn, and how many members' lines do not stand together.
fn output(tool: &Tool) -> Result<(usize, usize), String> {
    let inputs: String = (1..=MEMBERS).map(|line| format!("{line}\n")).collect();
    let said = tool.output(8, false, &["sh", "-c", CHATTY], inputs.as_bytes())?;
    let text = String::from_utf8_lossy(&said.stdout);
    let whole = |line: &&str| {
        line.split_once(':').is_some_and(|(member, line)| {
            member.parse::<usize>().is_ok_and(|member| (1..=MEMBERS).contains(&member))
                && ["1", "2", "3"].contains(&line)
        })
    };
    let kept = text.lines().filter(whole).count();
    let mut blocks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last = None;
    for line in text.lines() {
        let member = line.split(':').next();
        if member != last {
            *blocks.entry(member.unwrap_or_default()).or_default() += 1;
        }
        last = member;
    }
    let apart = (1..=MEMBERS).filter(|member| blocks.get(&*member.to_string()) != Some(&1)).count();
    Ok(((3 * MEMBERS).saturating_sub(kept), apart))
}

/// How many odd inputs arrived as they are, as one argument.
fn arguments(tool: &Tool) -> Result<usize, String> {
    let mut arrived = 0;
    for odd in ODD {
        // One by one, so that one that is split is not taken for another.
        let said = tool.output(1, true, &["printf", "[%s]"], &[odd, b"\0"].concat())?;
        arrived += usize::from(said.stdout == [b"[", odd, b"]"].concat());
    }
    Ok(arrived)
}

/// How many ran when the third of twenty failed, and what the tool ended with.
fn failure(tool: &Tool) -> Result<(usize, String), String> {
    let inputs: String = (1..=20).map(|line| format!("{line}\n")).collect();
    let said =
        tool.output(2, false, &["sh", "-c", "echo ran; sleep 0.05; test $0 != 3"], inputs.as_bytes())?;
    let ran = String::from_utf8_lossy(&said.stdout).lines().filter(|line| *line == "ran").count();
    Ok((ran, said.status.code().map_or_else(|| said.status.to_string(), |code| code.to_string())))
}
