//! What recording takes: messages per CPU-second from text to disk, memory over simulated hours at 50,000 messages a
//! second, and bytes for each change of best prices.
//!
//! `cargo bench --bench record -- [MILLIONS]` (18 = six minutes unless told otherwise; 180 is an hour). Linux only: CPU
//! time and memory are read from /proc. The real ticks are looked for in `PROTOGEN_SHARED_DATA`, or in
//! `../shared/data` beside the project.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

#[path = "record/storm.rs"]
mod storm;

use std::fs;
use std::path::{Path, PathBuf};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds of CPU this process has had, all threads together.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn main() {
    let millions = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(18);
    let messages = millions * 1_000_000;
    for levels in [1, 5] {
        let folder = tempfile::tempdir().unwrap();
        let start = cpu();
        let (totals, most) =
            storm::storm(&folder.path().join("set"), storm::settings(levels, 64_000_000), messages);
        let (seconds, all) = (cpu() - start, totals.published);
        println!(
            "{levels} level(s): {:.0} thousand messages per CPU-second, {} rows of {:.2} bytes in {} parts and {} files, \
             at most {} MB resident over {:.1} simulated minutes at 50,000 messages/s",
            messages as f64 / seconds / 1e3,
            all.rows,
            all.bytes as f64 / all.rows as f64,
            totals.parts,
            all.files,
            most / 1_000_000,
            messages as f64 / 50_000.0 / 60.0
        );
    }
    #[expect(clippy::disallowed_methods, reason = "where the machine keeps a large table")]
    let shared = std::env::var("PROTOGEN_SHARED_DATA").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let file = shared.join("kalshi_kxhighny_quotes_2025dec.parquet");
    if !file.is_file() {
        println!("real ticks: SKIPPED, not at {}", file.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = cpu();
    let all = storm::ticks(&file, &folder.path().join("set")).published;
    println!(
        "real ticks: {} rows, {:.2} bytes for each change of the best prices, {:.1} CPU-seconds",
        all.rows,
        all.bytes as f64 / all.rows as f64,
        cpu() - start
    );
}
