//! Whether the exchange trades: by what it says of itself, and by the hours it has announced. No I/O, no clock.

use crate::domain::{Span, Timestamp};

use super::wire::{DayHours, ExchangeStatus, Schedule, WeeklyHours};

/// The matching engine that has economics and weather.
const OUR_SHARD: i64 = 0;

/// What is known of when the exchange trades.
#[derive(Debug, Default)]
pub struct TradingHours {
    /// What it said last; `None` = nothing yet.
    pub status: Option<ExchangeStatus>,
    /// Its weekly hours and maintenance windows, as last announced; `None` = not known yet.
    pub schedule: Option<Schedule>,
}

impl TradingHours {
    /// Why nothing is traded at a moment; `None` = it trades, as far as is known.
    #[must_use]
    pub fn closed_reason(&self, at: Timestamp) -> Option<String> {
        if let Some(reason) = self.status.as_ref().and_then(pause_reason) {
            return Some(reason);
        }
        let schedule = self.schedule.as_ref()?;
        let window = schedule.maintenance_windows.iter().find(|window| window.start <= at && at < window.end);
        if let Some(window) = window {
            return Some(format!("announced maintenance until {}", window.end));
        }
        let week = week_of(schedule, at)?;
        let (day, minute) = eastern_day_and_minute(at);
        let open = hours_on(week, day).iter().any(|hours| hours.open <= minute && minute < end_of(*hours));
        (!open).then(|| "outside the exchange's trading hours".into())
    }

    /// When the announced hours next begin or end after a moment, within a day.
    #[must_use]
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let schedule = self.schedule.as_ref()?;
        let windows = schedule.maintenance_windows.iter().flat_map(|window| [window.start, window.end]);
        let (today, _) = eastern_day_and_minute(after);
        let daily = week_of(schedule, after).into_iter().flat_map(|week| {
            [today, today + 1].into_iter().flat_map(move |day| {
                let moment = move |minute: u16| {
                    Timestamp::start_of_utc_day(day) + behind_utc(after) + Span::MINUTE.times(minute.into())
                };
                hours_on(week, day).iter().flat_map(move |hours| [moment(hours.open), moment(end_of(*hours))])
            })
        });
        windows.chain(daily).filter(|&moment| moment > after).min()
    }
}

fn pause_reason(status: &ExchangeStatus) -> Option<String> {
    let ours = status.shards.iter().find(|shard| shard.exchange_index == OUR_SHARD);
    let active = status.exchange_active && ours.is_none_or(|shard| shard.exchange_active);
    let trading = status.trading_active && ours.is_none_or(|shard| shard.trading_active);
    let until = status.estimated_resume.map_or_else(String::new, |at| format!(", back about {at}"));
    match (active, trading) {
        (true, true) => None,
        (true, false) => Some(format!("the exchange has paused trading{until}")),
        (false, _) => Some(format!("the exchange is paused, cancels too{until}")),
    }
}

/// The hours valid at a moment. A week without any says nothing.
fn week_of(schedule: &Schedule, at: Timestamp) -> Option<&WeeklyHours> {
    let valid = schedule.standard_hours.iter().find(|week| week.from <= at && at < week.until)?;
    (0..7).any(|day| !hours_on(valid, day).is_empty()).then_some(valid)
}

/// The hours of a day, counted from 1970-01-01, a Thursday.
fn hours_on(week: &WeeklyHours, day: i64) -> &[DayHours] {
    let days = [
        &week.thursday,
        &week.friday,
        &week.saturday,
        &week.sunday,
        &week.monday,
        &week.tuesday,
        &week.wednesday,
    ];
    days[usize::try_from(day.rem_euclid(7)).expect("it is less than seven")]
}

/// First minute after; midnight is the end of the day.
const fn end_of(hours: DayHours) -> u16 {
    if hours.close == 0 { 24 * 60 } else { hours.close }
}

/// Day since 1970-01-01 and minute of it, on New York's clocks.
fn eastern_day_and_minute(at: Timestamp) -> (i64, u16) {
    let local = at - behind_utc(at);
    let minute = local.since(Timestamp::start_of_utc_day(local.utc_day())).nanos() / Span::MINUTE.nanos();
    (local.utc_day(), u16::try_from(minute).expect("a day has 1,440 minutes"))
}

/// How far New York's clocks are behind UTC. Summer time lasts from 2 a.m. on the second Sunday of March to
/// 2 a.m. on the first Sunday of November (15 U.S.C. § 260a).
fn behind_utc(at: Timestamp) -> Span {
    let (year, _) = at.year_month();
    let first = |month: &str| Timestamp::parse_date(&format!("{year:04}-{month}-01")).map(Timestamp::utc_day);
    let (Ok(march), Ok(november)) = (first("03"), first("11")) else {
        return Span::HOUR.times(5);
    };
    // 1970-01-04 was a Sunday.
    let sunday_from = |day: i64| day + (3 - day).rem_euclid(7);
    let begins = Timestamp::start_of_utc_day(sunday_from(march) + 7) + Span::HOUR.times(7);
    let ends = Timestamp::start_of_utc_day(sunday_from(november)) + Span::HOUR.times(6);
    Span::HOUR.times(if begins <= at && at < ends { 4 } else { 5 })
}

#[cfg(test)]
#[path = "hours_tests.rs"]
mod tests;
