//! The page of a data set: coverage, remarks, and every market with its price, in one file of bounded size.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use maud::{Markup, html};

use crate::dataset::check::overview::{CoveredStretch, Survey, Surveyed};
use crate::dataset::check::quality::Soundness;
use crate::domain::{SettlementValue, Timestamp};
use crate::report::html::{FactBlock, Page, Section, render_facts};

const STYLE: &str = include_str!("data_page.css");
const SCRIPT: &str = include_str!("data_page.js");

/// The page is not larger than this, in bytes.
const MOST: usize = 5_000_000;
/// Series that are open from the beginning.
const OPEN: usize = 3;
/// Size of a chart's drawing; the page scales it.
const WIDTH: i64 = 480;
const HEIGHT: i64 = 100;

/// What of the markets is on the page. Those with the most snapshots come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    listed: usize,
    charts: usize,
}

impl Room {
    /// Less: fewer charts, and when there is none, fewer markets.
    const fn with_fewer_shown(self) -> Self {
        if self.charts > 0 {
            Self { charts: self.charts / 2, ..self }
        } else {
            Self { listed: self.listed / 2, ..self }
        }
    }
}

/// The page of a data set, at most 5 MB; it says what is left out.
#[must_use]
pub fn data_set_page(folder: &Path, survey: &Survey) -> String {
    page_within_size(MOST, folder, survey)
}

fn page_within_size(most: usize, folder: &Path, survey: &Survey) -> String {
    let all = survey.markets.len();
    let mut room = Room { listed: all, charts: all };
    loop {
        let page = render_page(folder, survey, room);
        if page.len() <= most || room.listed == 0 {
            return page;
        }
        room = room.with_fewer_shown();
    }
}

fn render_page(folder: &Path, survey: &Survey, room: Room) -> String {
    let mut by_rows: Vec<usize> = (0..survey.markets.len()).collect();
    by_rows.sort_by_key(|&number| (Reverse(survey.markets[number].rows), number));
    let first = |count: usize| by_rows[..count].iter().copied().collect::<BTreeSet<_>>();
    let (listed, charts) = (first(room.listed), first(room.charts));
    let sections = [
        ("coverage", "Coverage", coverage_html(&survey.soundness)),
        ("remarks", "Worth a look", remarks_html(&survey.soundness)),
        ("markets", "Markets", markets_html(survey, &listed, &charts)),
    ];
    let section =
        |(id, title, body): (&str, &str, Markup)| Section { id: id.into(), title: title.into(), body };
    Page {
        title: format!("Data set {}", folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy()),
        head: header_html(survey, room),
        sections: sections.into_iter().map(section).collect(),
        foot: html! { p { "protogen " (env!("CARGO_PKG_VERSION")) " · " (folder.display()) } },
        style: STYLE,
        script: SCRIPT,
    }
    .render()
}

fn header_html(survey: &Survey, room: Room) -> Markup {
    let all = survey.markets.len();
    let distinct = |of: fn(&Surveyed) -> &str| survey.markets.iter().map(of).collect::<BTreeSet<_>>().len();
    let rows: u64 = survey.markets.iter().map(|market| market.rows).sum();
    let settled = survey.markets.iter().filter(|market| market.settlement.is_some()).count();
    let days = &survey.soundness.days;
    let day = |day: Option<(&i64, &u64)>| {
        day.map_or("none".to_owned(), |(&day, _)| Timestamp::start_of_utc_day(day).utc_date())
    };
    let fact = |name: &str, value: String| FactBlock { name: name.into(), value, note: None };
    let left_out = match (room.listed, room.charts) {
        (listed, _) if listed < all => format!(
            "To stay small, the page lists the {} markets with the most snapshots, without charts; {} are left out.",
            with_thousands_separators(listed as u64),
            with_thousands_separators((all - listed) as u64)
        ),
        (_, charts) if charts < all => format!(
            "To stay small, the page has price charts of the {} markets with the most snapshots; {} have none.",
            with_thousands_separators(charts as u64),
            with_thousands_separators((all - charts) as u64)
        ),
        _ => String::new(),
    };
    html! {
        (render_facts(&[
            fact("Series", with_thousands_separators(distinct(|of| &of.market.series_ticker) as u64)),
            fact("Events", with_thousands_separators(distinct(|of| &of.market.event_ticker) as u64)),
            fact("Markets", with_thousands_separators(all as u64)),
            fact("of them settled", with_thousands_separators(settled as u64)),
            fact("Snapshots", with_thousands_separators(rows)),
            fact("First day", day(days.first_key_value())),
            fact("Last day", day(days.last_key_value())),
            fact("Days with data", with_thousands_separators(days.len() as u64)),
        ]))
        @if !left_out.is_empty() { p { (left_out) } }
    }
}

/// A month a row, a day a square: the more snapshots, the fuller.
fn coverage_html(found: &Soundness) -> Markup {
    let most = found.days.values().copied().max().unwrap_or(1);
    // The square root, so that quiet days can be told from empty ones beside busy ones.
    let fill = |rows: u64| 15.0 + 85.0 * (rows as f64 / most as f64).sqrt();
    html! {
        p { "Snapshots a UTC day, at most " (with_thousands_separators(most)) "; framed days have none." }
        div.calendar {
            @for month in found.snapshot_calendar() {
                span { (month.name) }
                @for _ in 1..month.first_day { span {} }
                @for (day, &rows) in (month.first_day..).zip(&month.days) {
                    @let title = format!("{}-{day:02}: {}", month.name, with_thousands_separators(rows));
                    @if rows == 0 { i.none title=(title) {} }
                    @else { i title=(title) style=(format!("--fill:{:.0}%", fill(rows))) {} }
                }
                @for _ in month.first_day + month.days.len()..32 { span {} }
                span.sum { (with_thousands_separators(month.days.iter().sum())) }
            }
        }
    }
}

fn remarks_html(found: &Soundness) -> Markup {
    html! {
        @if found.remarks.is_empty() { p { "Nothing." } }
        @for (kind, remark) in &found.remarks {
            h3.kind { (kind.replace('_', " ")) " (" (with_thousands_separators(remark.count)) ")" }
            ul { @for example in &remark.examples { li { (example) } } }
        }
    }
}

/// Neighbours that are alike in something.
fn group_adjacent_markets<'a>(
    markets: &'a [(usize, &'a Surveyed)],
    of: fn(&Surveyed) -> &str,
) -> impl Iterator<Item = &'a [(usize, &'a Surveyed)]> {
    markets.chunk_by(move |a, b| of(a.1) == of(b.1))
}

fn markets_html(survey: &Survey, listed: &BTreeSet<usize>, charts: &BTreeSet<usize>) -> Markup {
    let shown: Vec<_> =
        survey.markets.iter().enumerate().filter(|(number, _)| listed.contains(number)).collect();
    let series: Vec<_> = group_adjacent_markets(&shown, |of| &of.market.series_ticker).collect();
    html! {
        div.find role="search" {
            input #find type="search" aria-label="Find markets" autocomplete="off"
                placeholder="Series, event, ticker, title, result …";
            output #found for="find" {}
        }
        @for (number, of_series) in series.iter().enumerate() {
            @let name = &of_series[0].1.market.series_ticker;
            @let events: Vec<_> = group_adjacent_markets(of_series, |of| &of.market.event_ticker).collect();
            details.series data-name=(name) open[number < OPEN] {
                summary { (name) " " span { (count_with_noun(events.len(), "event")) ", " (market_and_snapshot_counts(of_series)) } }
                @for of_event in events { (event_html(of_event, charts)) }
            }
        }
    }
}

fn market_and_snapshot_counts(markets: &[(usize, &Surveyed)]) -> String {
    let rows: u64 = markets.iter().map(|(_, of)| of.rows).sum();
    format!("{}, {} snapshots", count_with_noun(markets.len(), "market"), with_thousands_separators(rows))
}

fn count_with_noun(count: usize, what: &str) -> String {
    format!("{} {what}{}", with_thousands_separators(count as u64), if count == 1 { "" } else { "s" })
}

fn event_html(markets: &[(usize, &Surveyed)], charts: &BTreeSet<usize>) -> Markup {
    let first = &markets[0].1.market;
    let one_title = markets.iter().all(|(_, of)| of.market.title == first.title);
    html! {
        section.of-event {
            h3.event {
                (first.event_ticker)
                span { @if one_title && !first.title.is_empty() { (first.title) " · " } (market_and_snapshot_counts(markets)) }
            }
            ul.markets {
                @for (number, of) in markets { (market_html(of, one_title, charts.contains(number))) }
            }
        }
    }
}

fn market_html(of: &Surveyed, one_title: bool, with_chart: bool) -> Markup {
    let market = &of.market;
    let strike = market.strike.to_string();
    html! {
        li {
            div {
                b { (market.ticker) }
                @if !one_title { p { (market.title) } }
                p { "pays YES if " (strike) }
                p { (market.open_time.utc_date()) " to " (market.close_time.utc_date()) " · " (with_thousands_separators(of.rows)) " snapshots" }
                p.ended { (settlement_text(of)) }
            }
            @if let Some((first, last)) = of.course.stretches.first().zip(of.course.stretches.last()) {
                div {
                    @if with_chart { (price_chart_svg(of, first, last)) }
                    div.ends {
                        span { (first.from.utc_date()) ": " (dollars_from_twice_price(first.first)) }
                        span { "last: " (dollars_from_twice_price(last.last)) }
                    }
                }
            }
        }
    }
}

fn settlement_text(of: &Surveyed) -> String {
    match of.settlement {
        None => "not settled in this data".into(),
        Some(end) if end.value == SettlementValue::ONE => "settled YES".into(),
        Some(end) if end.value == SettlementValue::ZERO => "settled NO".into(),
        Some(end) => format!("settled at {}", end.value),
    }
}

/// Half of twice a price, in dollars, rounded to a tenth of a cent for the eye.
fn dollars_from_twice_price(twice: u16) -> String {
    format!("${:.3}", f64::from(twice) / 2e4)
}

/// The price from $0 at the bottom to $1 at the top, over the time of its snapshots.
fn price_chart_svg(of: &Surveyed, first: &CoveredStretch, last: &CoveredStretch) -> Markup {
    let begin = first.from.nanos();
    let length = (last.from.nanos() - begin).max(1);
    let mut points = String::new();
    for stretch in &of.course.stretches {
        let x = i128::from(stretch.from.nanos() - begin) * i128::from(WIDTH) / i128::from(length);
        let mut before = None;
        for price in [stretch.first, stretch.low, stretch.high, stretch.last] {
            let y = HEIGHT - i64::from(price) * HEIGHT / 20_000;
            if before.replace(y) != Some(y) {
                let _ = write!(points, "{x},{y} ");
            }
        }
    }
    // A single price is a line too.
    if of.course.stretches.len() == 1 {
        let y = HEIGHT - i64::from(last.last) * HEIGHT / 20_000;
        let _ = write!(points, "{WIDTH},{y}");
    }
    let label = format!(
        "price from {} to {}",
        dollars_from_twice_price(first.first),
        dollars_from_twice_price(last.last)
    );
    html! {
        svg.course viewBox=(format!("0 -4 {WIDTH} {}", HEIGHT + 8)) preserveAspectRatio="none" role="img"
            aria-label=(label) {
            path d=(format!("M0,{0}H{WIDTH}", HEIGHT / 2)) {}
            polyline points=(points.trim_end()) {}
        }
    }
}

/// A count with commas.
fn with_thousands_separators(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[path = "data_page_tests.rs"]
mod tests;
