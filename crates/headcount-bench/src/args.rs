//! What was asked for on the command line.

use std::path::PathBuf;

use crate::row::Row;
use crate::timing::Effort;

pub(crate) const HELP: &str = "\
headcount and its peers, timed in one interleaved run

usage: cargo run --release -p headcount-bench -- [options] [rows]

rows     1 (1-zero, 1-beside), 1w, 2 (2-two, 2-four), 3, 4 (4-two, 4-one), 4s,
         4a (4a-current, 4a-multi), 5 (5-task, 5-thread), 6 (6-task, 6-thread),
         7 (7-limited, 7-thread-limited), 8 (8, 8-tiny), 9 (9-current, 9-multi),
         10 (10-one, 10-deep, 10-two), 10c, 11, 12 (12-bytes, 12-allocations),
         run (run-batch, run-start), fetch,
         cluster (cluster-register, cluster-run, cluster-flat, cluster-bytes, cluster-wake, cluster-cancel)
         all of them when none is named

options
  --rounds N    processes a contestant, round-robin so that a drift of the machine meets everyone (default 5)
  --quick       a tenth of the work: for a look while developing
  --no-go       leave Go out instead of installing it below the target directory
  --json FILE   write every figure of every round to FILE
  --list        print the rows and their contestants
  --help
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Time these rows and print their tables.
    Tables(Options),
    /// Time one contestant in one row in this very process, and print the figure. Hidden: the tables are made of these.
    One {
        row: Row,
        contestant: String,
        effort: Effort,
    },
    /// Be a worker of the `cluster` rows for this engine. Hidden as well.
    Serve(String),
    List,
    Help,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
    pub(crate) effort: Effort,
    pub(crate) go: bool,
    pub(crate) json: Option<PathBuf>,
}

/// Understands the words after the program's name, or says which one it does not.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut words = words;
    let mut options = Options { rows: Vec::new(), rounds: 5, effort: Effort::FULL, go: true, json: None };
    while let Some(word) = words.next() {
        let mut value = |what| words.next().ok_or(format!("{word} needs {what}"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--list" => return Ok(Asked::List),
            "--serve" => return Ok(Asked::Serve(value("an engine")?)),
            "--quick" => options.effort = Effort::QUICK,
            "--no-go" => options.go = false,
            "--json" => options.json = Some(value("a file to write to")?.into()),
            "--rounds" => options.rounds = rounds(&value("a number")?)?,
            "--one" => {
                let (row, contestant, effort) =
                    (value("a row")?, value("a contestant")?, value("an effort")?);
                return Ok(Asked::One {
                    row: Row::named(&row).ok_or(format!("--one was given {row:?}, which is no row"))?,
                    contestant,
                    effort: Effort::named(&effort)
                        .ok_or(format!("--one was given {effort:?}, which is no effort"))?,
                });
            }
            _ if word.starts_with('-') => return Err(format!("no option is called {word}")),
            _ => select(&mut options.rows, &word)?,
        }
    }
    if options.rows.is_empty() {
        options.rows = Row::ALL.to_vec();
    }
    Ok(Asked::Tables(options))
}

fn rounds(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(rounds) if rounds > 0 => Ok(rounds),
        _ => Err(format!("--rounds was given {word:?}; it takes a number from 1")),
    }
}

fn select(rows: &mut Vec<Row>, word: &str) -> Result<(), String> {
    let selected = Row::selected_by(word);
    if selected.is_empty() {
        return Err(format!("no row is called {word}"));
    }
    for row in selected {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(words: &[&str]) -> Vec<&'static str> {
        match parse(words.iter().map(|word| (*word).to_owned())) {
            Ok(Asked::Tables(options)) => options.rows.iter().map(|row| row.name()).collect(),
            other => panic!("{words:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_family_means_its_rows_and_no_row_comes_twice() {
        assert_eq!(rows(&["1"]), ["1-zero", "1-beside"]);
        assert_eq!(rows(&["1w", "4"]), ["1w", "4-two", "4-one"]);
        assert_eq!(rows(&["2-four", "2"]), ["2-four", "2-two"]);
        assert_eq!(rows(&["run", "3"]), ["run-batch", "run-start", "3"]);
        assert_eq!(rows(&["12", "7"]), ["12-bytes", "12-allocations", "7-limited", "7-thread-limited"]);
        assert_eq!(rows(&["--quick"]).len(), Row::ALL.len());
    }

    #[test]
    fn options_take_their_values() {
        let words = ["--rounds", "3", "--quick", "--no-go", "--json", "a.json"];
        let Ok(Asked::Tables(options)) = parse(words.iter().map(|word| (*word).to_owned())) else {
            panic!("these are options")
        };
        assert_eq!((options.rounds, options.effort.name, options.go), (3, "quick", false));
        assert_eq!(options.json.as_deref(), Some(std::path::Path::new("a.json")));
    }
}
