//! `protogen data pull`

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::domain::{Span, Timestamp};
use crate::kalshi::rest::Rest;
use crate::pull::{self, Progress, PullError, Report, Settings};

use crate::cli::access::EnvArgs;
use crate::cli::{Common, Failure, json_line, print_to_stdout};

/// Get markets, candles and trades from the exchange into a data set, and keep it up to date.
///
/// Run again, it goes on where it was: after a kill with what was not answered yet, otherwise with what has happened
/// since; markets that are settled and whole are not asked for again. The data set under --out appears when it is
/// complete, and from then on only gets files added, so it can be read at any time. Each candle is a snapshot at its
/// end. Requests are as many as the account's limits allow; without a key, as many as the smallest account may send.
#[derive(Debug, Args)]
pub struct PullCommand {
    /// Series, events or markets; those of an existing data set are pulled anyway
    #[arg(value_name = "TICKER")]
    targets: Vec<String>,
    /// The data set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Nothing before this day, UTC [default: as before, else all there is]
    #[arg(long, value_name = "DATE", value_parser = Timestamp::parse_date)]
    since: Option<Timestamp>,
    /// Last day, UTC [default: today]
    #[arg(long, value_name = "DATE", value_parser = Timestamp::parse_date)]
    until: Option<Timestamp>,
    /// Length of a candle [default: as before, else 1h]
    #[arg(long, value_enum)]
    period: Option<Period>,
    /// All trades, too
    #[arg(long)]
    trades: bool,
    /// Begin no further market once so much was fetched, for example `200MB`; the next run goes on from there
    #[arg(long, value_name = "SIZE", value_parser = parse_byte_size)]
    max: Option<u64>,
    /// Fetch at most so many markets that are not in the data set yet, in order of their opening
    #[arg(long, value_name = "N")]
    max_markets: Option<usize>,
    #[command(flatten)]
    access: EnvArgs,
}

/// What the exchange makes candles of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Period {
    /// A minute
    #[value(name = "1m")]
    Minute,
    /// An hour
    #[value(name = "1h")]
    Hour,
    /// A day
    #[value(name = "1d")]
    Day,
}

impl Period {
    const fn minutes(self) -> u16 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 1_440,
        }
    }
}

fn parse_byte_size(text: &str) -> Result<u64, String> {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1)];
    let upper = text.to_ascii_uppercase();
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| upper.strip_suffix(name).map(|number| (number, *unit)))
        .ok_or("has no unit; write it like 200MB")?;
    let bytes = number.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| "is not a whole number of KB, MB or GB".into())
}

impl From<PullError> for Failure {
    fn from(error: PullError) -> Self {
        let code = match &error {
            PullError::Usage(_) => Self::USAGE,
            PullError::Exchange(_) | PullError::Unreadable(_) => Self::VENUE,
            PullError::Data(_) => Self::DATA,
        };
        Self::new(code, error.to_string())
    }
}

impl PullCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        self.check_arguments()?;
        let access = self.access.exchange_access()?;
        let credentials = access.key.is_some().then(|| access.read_credentials()).transpose()?;
        let bar = if common.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let progress = |now| show_progress(&bar, now);
        let signed = credentials.is_some();
        let report = crate::cli::network_runtime()?.block_on(async {
            let rest = Rest::new(&access.environment, credentials).map_err(PullError::from)?;
            pull::pull_data_set(Settings {
                rest,
                signed,
                environment: access.name.name(),
                out: &self.out,
                targets: &self.targets,
                since: self.since,
                until: self.until.map(|day| day + Span::DAY),
                minutes: self.period.map(Period::minutes),
                trades: self.trades,
                max_bytes: self.max,
                max_markets: self.max_markets,
                progress: &progress,
            })
            .await
        });
        bar.finish_and_clear();
        let report = report?;
        print_to_stdout(&if common.json { self.as_json(&report) } else { self.in_words(&report) })
    }

    fn check_arguments(&self) -> Result<(), Failure> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if let Some(odd) = self.targets.iter().find(|target| target.is_empty() || !target.bytes().all(plain))
        {
            let problem =
                format!("`{}` is no ticker: letters, digits, `-`, `_` and `.` alone", odd.escape_debug());
            return Err(Failure::new(Failure::USAGE, problem));
        }
        if self.since.zip(self.until).is_some_and(|(since, until)| until < since) {
            return Err(Failure::new(Failure::USAGE, "--until is before --since"));
        }
        Ok(())
    }

    fn in_words(&self, report: &Report) -> String {
        let mut text = String::new();
        for (kind, note) in &report.notes.0 {
            let first = if note.first.is_empty() { String::new() } else { format!(", first {}", note.first) };
            let _ = writeln!(text, "{kind}: {}{first}", note.count);
        }
        for (about, problem) in &report.unreadable {
            let _ = writeln!(text, "left out: {about}: {problem}");
        }
        let remembered = match report.remembered {
            0 => String::new(),
            count => format!(", {count} answers were there already"),
        };
        let _ = writeln!(text, "{} requests{remembered}", report.requests);
        let _ = match report.times {
            None => writeln!(text, "nothing new"),
            Some((first, last)) => {
                let trades =
                    if report.trades > 0 { format!(", {} trades", report.trades) } else { String::new() };
                writeln!(
                    text,
                    "added: {} snapshots{trades} in {} files, {first} to {last}",
                    report.snapshots, report.files
                )
            }
        };
        let out = self.out.display();
        let as_of = report.as_of.map_or_else(String::new, |at| format!(" as of {at}"));
        let _ = writeln!(
            text,
            "{out}: {} markets, {} of them new, {} settled and whole,{as_of}",
            report.markets, report.new_markets, report.whole
        );
        if report.waiting > 0 {
            let _ = writeln!(text, "{} markets wait for the next pull: run it again", report.waiting);
        }
        text
    }

    fn as_json(&self, report: &Report) -> String {
        let notes: serde_json::Map<_, _> = report
            .notes
            .0
            .iter()
            .map(|(kind, note)| ((*kind).to_owned(), json!({ "count": note.count, "first": note.first })))
            .collect();
        json_line(&json!({
            "out": self.out, "as_of": report.as_of.map(|at| at.to_string()), "markets": report.markets,
            "new_markets": report.new_markets, "whole_markets": report.whole, "waiting_markets": report.waiting,
            "snapshots": report.snapshots, "trades": report.trades, "files": report.files,
            "first": report.times.map(|(first, _)| first.to_string()),
            "last": report.times.map(|(_, last)| last.to_string()),
            "requests": report.requests, "remembered": report.remembered, "notes": notes,
            "unreadable": report.unreadable,
        }))
    }
}

fn show_progress(bar: &ProgressBar, now: Progress) {
    match now {
        Progress::Listing { markets } => bar.set_message(format!("listing: {markets} markets")),
        Progress::Fetching { done, of } => {
            if bar.length() != Some(of as u64) {
                let style =
                    "fetching {bar:30} {percent:>3} %  {pos} of {len} steps, {elapsed} gone, {eta} to go";
                bar.set_style(ProgressStyle::with_template(style).expect("the template is valid"));
                bar.reset();
                bar.set_length(of as u64);
            }
            bar.set_position(done as u64);
        }
        Progress::Writing => bar.set_message("writing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_byte_size("200MB"), Ok(200_000_000));
        assert_eq!(parse_byte_size("3 gb"), Ok(3_000_000_000));
        for bad in ["200", "MB", "0KB", "1.5GB", "-1MB"] {
            assert!(parse_byte_size(bad).is_err(), "{bad}");
        }
    }
}
