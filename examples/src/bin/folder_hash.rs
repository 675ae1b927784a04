//! Reads a folder, decompresses what is compressed, hashes every file and adds up their sizes: a pipeline of three stages.
//!
//! `folder_hash FOLDER`, or without one, a folder that it makes for the occasion.
//!
//! In Go each stage is a channel that somebody has to close, after the last of its workers, and nobody else: a goroutine that
//! waits on a `WaitGroup` for that. Forgotten, the reader below hangs; and a reader that returns early leaves all above it
//! blocked for ever. Here a stage closes the next, and stops the one before, by itself.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use headcount::{Context, Pipeline};
use sha2::{Digest, Sha256};

/// A file, read and decompressed.
struct Content {
    name: String,
    bytes: Vec<u8>,
}

/// What is told of a file.
struct Line {
    name: String,
    hash: String,
    size: usize,
}

fn read(path: &Path) -> anyhow::Result<Content> {
    let (name, is_compressed) =
        (path.file_name().unwrap_or_default(), path.extension().is_some_and(|kind| kind == "gz"));
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    let read = if is_compressed {
        GzDecoder::new(file).read_to_end(&mut bytes)
    } else {
        file.read_to_end(&mut bytes)
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Content { name: name.to_string_lossy().into_owned(), bytes })
}

fn hash(content: Content) -> Line {
    let digest = Sha256::digest(&content.bytes);
    let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Line { name: content.name, hash, size: content.bytes.len() }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A folder with a hundred files, every other one compressed.
fn demonstration() -> io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for n in 0..100 {
        let text = format!("file {n}\n").repeat(1000);
        let path = folder.path().join(format!("{n:02}.txt"));
        if n % 2 == 0 {
            fs::write(path, text)?;
        } else {
            let file = File::create(path.with_extension("txt.gz"))?;
            GzEncoder::new(file, Compression::fast()).write_all(text.as_bytes())?;
        }
    }
    Ok(folder)
}

fn main() -> anyhow::Result<()> {
    let made;
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => {
            made = demonstration()?;
            made.path().to_owned()
        }
    };
    let pipeline =
        Pipeline::source(files(&folder).with_context(|| format!("cannot list {}", folder.display()))?)
            .stage("read", 2, |_ctx, path: PathBuf| read(&path))
            .ordered() // each stage by itself: what comes out of it is in the order of what went in
            .stage("hash", 2, |_ctx, content| headcount::ok(hash(content)))
            .ordered();
    let meter = pipeline.meter();
    let (count, bytes) =
        pipeline.run_fold(&Context::background(), (0, 0), |(count, bytes), line: Line| {
            println!("{}  {:>8}  {}", &line.hash[..16], line.size, line.name);
            (count + 1, bytes + line.size)
        })?;
    println!("{count} files, {bytes} bytes");
    eprintln!("{}", meter.report());
    Ok(())
}
