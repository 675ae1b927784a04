//! Where inputs come from: lines, NUL, products, tables.

use std::io::{self, Read};

use headcount_cli::input::{Columns, InputError, LONGEST, Product, Records, Source, Table};

use crate::stage::{folder, headcount, script};

fn all(mut source: impl Source) -> Vec<Columns> {
    std::iter::from_fn(|| source.next().expect("the input can be read")).collect()
}

fn records(bytes: &[u8], end: u8) -> Vec<Vec<u8>> {
    all(Records::new(bytes, end)).into_iter().map(|columns| columns.concat()).collect()
}

fn columns(cells: &[&[&str]]) -> Vec<Columns> {
    cells.iter().map(|row| row.iter().map(|cell| cell.as_bytes().to_vec()).collect()).collect()
}

#[test]
fn lines_are_taken_as_they_are() {
    assert_eq!(records(b"", b'\n'), [b""; 0]);
    assert_eq!(records(b"a\nb\n", b'\n'), [b"a", b"b"]);
    assert_eq!(records(b"a\nb", b'\n'), [b"a", b"b"], "a last line without a line break counts");
    assert_eq!(records(b"a\n\nb\n\n", b'\n'), [b"a".as_slice(), b"", b"b", b""], "empty lines are inputs");
    assert_eq!(records(b"a\r\n \t\n", b'\n'), [b"a\r", b" \t"], "nothing is trimmed");
    assert_eq!(records(b"a\nb\0\xff\0", 0), [b"a\nb".as_slice(), b"\xff"]);
}

#[test]
fn an_endless_line_is_refused_before_it_fills_the_memory() {
    let mut longest = Records::new(io::repeat(b'x').take(LONGEST as u64), b'\n');
    assert_eq!(longest.next().unwrap().unwrap()[0].len(), LONGEST);
    let mut endless = Records::new(io::repeat(b'x'), b'\n');
    assert!(matches!(endless.next(), Err(InputError::TooLong)));
}

#[test]
fn products_count_up_like_an_odometer() {
    let list = |items: &[&str]| items.iter().map(|item| item.as_bytes().to_vec()).collect::<Vec<_>>();
    let (numbers, letters) = (list(&["1", "2", "3"]), list(&["a", "b"]));
    for lists in [
        vec![numbers.clone()],
        vec![numbers.clone(), letters.clone()],
        vec![letters.clone(), numbers, letters],
    ] {
        // The naive twin: nested loops, written as a fold.
        let expected = lists.iter().fold(vec![Vec::new()], |rows: Vec<Columns>, list| {
            rows.iter()
                .flat_map(|row| list.iter().map(|item| [row.as_slice(), std::slice::from_ref(item)].concat()))
                .collect()
        });
        let product = Product::new(lists);
        assert_eq!(product.total(), Some(expected.len() as u64));
        assert_eq!(all(product), expected);
    }
    for lists in [vec![], vec![list(&["1"]), vec![]]] {
        let product = Product::new(lists);
        assert_eq!(product.total(), Some(0));
        assert_eq!(all(product).len(), 0);
    }
}

#[test]
fn tables_are_read_by_the_standard() {
    let text = b"name,size\n\"a, b\",1\r\n\"say \"\"hi\"\"\nthere\",\n\nlong,2,3\n".as_slice();
    let table = Table::open(text, true).unwrap();
    assert_eq!(table.header().unwrap(), columns(&[&["name", "size"]])[0]);
    assert_eq!(all(table), columns(&[&["a, b", "1"], &["say \"hi\"\nthere", ""], &["long", "2", "3"]]));
    let table = Table::open(b"1,2\n3,4".as_slice(), false).unwrap();
    assert!(table.header().is_none());
    assert_eq!(all(table), columns(&[&["1", "2"], &["3", "4"]]));
    let empty = Table::open(b"".as_slice(), true).unwrap();
    assert_eq!(all(empty).len(), 0);
}

#[test]
fn nothing_to_do_is_all_well() {
    for args in [vec!["false"], vec!["-0", "false"], vec!["--csv", "--header", "false"], vec!["false", ":::"]]
    {
        let seen = headcount(&args).run();
        seen.ended(0);
        assert_eq!(seen.err, "0 members: 0 ok, 0 failed, 0 lost, 0 cancelled\n");
    }
}

#[test]
fn members_find_nothing_on_stdin() {
    let seen =
        headcount(["-j1", "--order", "input", "sh", "-c", "cat; echo $1", "sh"]).input("a\nb\nc\n").run();
    seen.ended(0);
    assert_eq!(seen.out(), "a\nb\nc\n");
}

#[test]
fn inputs_from_a_file() {
    let folder = folder();
    let file = folder.path().join("inputs");
    std::fs::write(&file, "x\ny").unwrap();
    let seen = headcount(["--arg-file", file.to_str().unwrap(), "echo"]).input("not this\n").run();
    seen.ended(0);
    assert_eq!(seen.sorted(), ["x", "y"]);
    let seen = headcount(["-a", "-", "echo"]).input("this\n").run();
    assert_eq!(seen.out(), "this\n");
}

#[test]
fn products_and_tables_fill_the_command() {
    let seen = headcount(["--order", "input", "echo", "{2}-{1}", ":::", "1", "2", ":::", "a", "b"]).run();
    seen.ended(0);
    assert_eq!(seen.out(), "a-1\nb-1\na-2\nb-2\n");

    let seen =
        headcount(["--csv", "--header", "--order", "input", "echo", "{user}@{host}", "{2/}", "{ none }"])
            .input("host,user\nh1,\"a, b\"\nh/2,c\n")
            .run();
    seen.ended(0);
    assert_eq!(seen.out(), "a, b@h1 a, b { none }\nc@h/2 c { none }\n");
}

#[test]
fn a_short_row_fails_alone() {
    let seen = headcount(["--csv", "-k", "echo", "{2}"]).input("a,b\nc\nd,e\n").run();
    seen.ended(1);
    assert_eq!(seen.sorted(), ["b", "e"]);
    assert_eq!(
        seen.err,
        "3 members: 2 ok, 1 failed, 0 lost, 0 cancelled\n\n\
         member 2 failed: the command asks for column 2, the input has 1 column\n  \
           input:   c\n  \
           ended:   the command asks for column 2, the input has 1 column after 0.000 s\n"
    );
}

#[test]
fn a_wrong_separator_is_said_and_what_came_before_is_run() {
    let seen =
        script("{ echo first; head -c 3000000 /dev/zero | tr '\\0' x; } | $HEADCOUNT run -j1 echo ran").run();
    seen.ended(5);
    assert_eq!(seen.out(), "ran first\n");
    assert_eq!(
        seen.err,
        "headcount: input 2: the input is longer than 1048576 bytes\n\
         hint: is the separator right? -0 is for NUL, the default is line breaks; \
         the members before it are run to their end\n\
         1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n\
         the input was not read to its end; what was left of it is not counted\n"
    );
}

#[test]
fn a_dry_run_prints_what_a_shell_would_read_back_and_runs_nothing() {
    let folder = folder();
    let touched = folder.path().join("it's here");
    let input = touched.to_str().unwrap();
    let seen = headcount(["--dry-run", "touch", "{}", "{#}"]).input(format!("{input}\n")).run();
    seen.ended(0);
    assert_eq!(seen.out(), format!("touch '{}' 1\n", input.replace('\'', "'\\''")));
    assert!(!touched.exists() && seen.err.is_empty());
    script(seen.out()).run().ended(0);
    assert!(touched.exists(), "the line does what was meant");
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the tape tore"))
    }
}

#[test]
fn a_broken_reader_is_an_error_with_its_cause() {
    let error = Records::new(Broken, b'\n').next().unwrap_err();
    assert_eq!(error.to_string(), "reading the input failed: the tape tore");
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(Table::open(Broken, true), Err(InputError::Read(_))));
}
