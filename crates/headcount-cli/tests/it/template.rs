//! Placeholders: what each stands for, on bytes, and what is left alone.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use headcount_cli::template::{MissingColumn, Template, Values};

fn fill_all(
    words: &[&str],
    columns: &[&[u8]],
    header: Option<&[&str]>,
) -> Result<Vec<Vec<u8>>, MissingColumn> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let header: Option<Vec<Vec<u8>>> =
        header.map(|names| names.iter().map(|name| name.as_bytes().to_vec()).collect());
    let columns: Vec<Vec<u8>> = columns.iter().map(|column| column.to_vec()).collect();
    let template = Template::compile(&words, header.as_deref(), false);
    let filled = template.fill(Values { columns: &columns, number: 7, slot: 2 })?;
    Ok(filled.into_iter().map(OsString::into_vec).collect())
}

#[track_caller]
fn fills(word: &str, input: &[u8], expected: &[u8]) {
    let filled = fill_all(&["cmd", word], &[input], None).unwrap();
    assert_eq!(filled, [b"cmd".as_slice(), expected], "{word} of {:?}", String::from_utf8_lossy(input));
}

#[test]
fn parts_of_a_path() {
    for (input, no_extension, base, folder, bare) in [
        ("a/b.tar.gz", "a/b.tar", "b.tar.gz", "a", "b.tar"),
        ("/x", "/x", "x", "/", "x"),
        ("x", "x", "x", ".", "x"),
        ("d.e/x", "d.e/x", "x", "d.e", "x"),
        ("a//b.c", "a//b", "b.c", "a", "b"),
        ("a/b/", "a/b/", "", "a", ""),
        ("/", "/", "", "/", ""),
        ("//a", "//a", "a", "/", "a"),
        (".rc", "", ".rc", ".", ""),
        ("end.", "end", "end.", ".", "end"),
        ("", "", "", ".", ""),
    ] {
        fills("{}", input.as_bytes(), input.as_bytes());
        fills("{.}", input.as_bytes(), no_extension.as_bytes());
        fills("{/}", input.as_bytes(), base.as_bytes());
        fills("{//}", input.as_bytes(), folder.as_bytes());
        fills("{/.}", input.as_bytes(), bare.as_bytes());
        fills("{1/.}", input.as_bytes(), bare.as_bytes());
    }
}

#[test]
fn folders_are_those_of_dirname() {
    let inputs = ["a/b", "/", "//", "///a", "a", "a/", "a//", "/a/", "a/b/c//", ".", "..", "./a", "/a/b"];
    let output = std::process::Command::new("dirname").args(inputs).output().expect("dirname runs");
    let expected = String::from_utf8(output.stdout).unwrap();
    for (input, folder) in inputs.iter().zip(expected.lines()) {
        fills("{//}", input.as_bytes(), folder.as_bytes());
    }
}

#[test]
fn inside_a_word_and_more_than_once() {
    fills("<{}>{}", b"a b", b"<a b>a b");
    fills("{#}/{%}:{/}", b"x/y", b"7/2:y");
    fills("{}\u{e9}", b"\xff\xfe", b"\xff\xfe\xc3\xa9");
}

#[test]
fn other_braces_are_text() {
    for text in ["{print}", "{ }", "{x", "x}", "{{", "a{,3}", "{-1}", "{0}", "{1 }", "{+}"] {
        let filled = fill_all(&["cmd", text, "{}"], &[b"in"], None).unwrap();
        assert_eq!(filled, [b"cmd".as_slice(), text.as_bytes(), b"in"]);
    }
    fills("{{}}", b"in", b"{in}");
    fills("{{print {}}", b"in", b"{{print in}");
}

#[test]
fn what_fills_a_hole_is_not_looked_at_again() {
    fills("{}{#}", b"{}{#}", b"{}{#}7");
}

#[test]
fn without_a_placeholder_the_input_is_appended() {
    let filled = fill_all(&["cmd", "x"], &[b"a b", b"c"], None).unwrap();
    assert_eq!(filled, [b"cmd".as_slice(), b"x", b"a b", b"c"]);
    assert_eq!(fill_all(&["cmd", "{#}"], &[b"a"], None).unwrap(), [b"cmd".as_slice(), b"7"]);
}

#[test]
fn columns_by_place_and_by_name() {
    let columns: [&[u8]; 3] = [b"a/b.c", b"two", b"x"];
    let names = ["path", "a.b", ""];
    let filled = |word| fill_all(&["cmd", word], &columns, Some(&names)).unwrap()[1].clone();
    assert_eq!(filled("{2}-{1/}"), b"two-b.c");
    assert_eq!(filled("{path}"), b"a/b.c");
    assert_eq!(filled("{path/.}"), b"b");
    assert_eq!(filled("{a.b}"), b"two");
    assert_eq!(filled("{}"), b"a/b.c two x");
    assert_eq!(filled("{nobody}"), b"{nobody}");
}

#[test]
fn a_column_that_is_not_there_is_an_error() {
    let missing = fill_all(&["cmd", "{3}"], &[b"a", b"b"], None).unwrap_err();
    assert_eq!(missing, MissingColumn { asked: 3, found: 2 });
    assert_eq!(missing.to_string(), "the command asks for column 3, the input has 2 columns");
}

#[test]
fn the_program_is_known_only_when_it_is_the_same_for_all() {
    let program = |words: &[&str], shell| {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let template = Template::compile(&words, None, shell);
        template.program().map(|program| program.as_bytes().to_vec())
    };
    assert_eq!(program(&["gzip", "{}"], false), Some(b"gzip".to_vec()));
    assert_eq!(program(&["{}", "x"], false), None);
    assert_eq!(program(&["./{}", "x"], false), None);
    assert_eq!(program(&["{} | wc"], true), Some(b"/bin/sh".to_vec()));
}

#[test]
fn for_a_shell_only_what_fills_the_holes_is_quoted() {
    let words: Vec<OsString> = vec!["cat {} | wc -l".into(), ">".into(), "{.}.n".into()];
    let template = Template::compile(&words, None, true);
    let columns = [b"it's; rm -rf $HOME.txt".to_vec()];
    let filled = template.fill(Values { columns: &columns, number: 1, slot: 1 }).unwrap();
    let line = r"cat 'it'\''s; rm -rf $HOME.txt' | wc -l > 'it'\''s; rm -rf $HOME'.n";
    assert_eq!(filled, [OsString::from("/bin/sh"), "-c".into(), line.into()]);
}
