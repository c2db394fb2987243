//! The model against counts done by hand on a handful of meetings.

use crate::domain::{EventId, FeeSchedule, Market, MarketId, PriceGrid, Quote, SeriesId};

use super::*;

fn settings(extra: &str) -> FomcSettings {
    toml::from_str(&format!("model = \"fomc\"\n{extra}")).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn percent(text: &str) -> Decimal6 {
    Decimal6::parse(text).unwrap()
}

fn market(series: &str, strike: Strike) -> Market {
    Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: "SOME-TICKER-THAT-SAYS-NOTHING".into(),
        event_ticker: "E".into(),
        series_ticker: series.into(),
        category: "Economics".into(),
        title: "".into(),
        strike,
        open_time: at("2020-01-01T00:00:00Z"),
        close_time: at("2020-12-16T18:55:00Z"),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

fn decide(model: &mut FomcModel, when: &str, before: &str, after: &str, scheduled: bool) {
    let (upper_before, upper_after) = (percent(before), percent(after));
    model.learn_fact(&Fact::FomcDecision { scheduled, upper_before, upper_after }, at(when));
}

/// Low inflation and steady unemployment throughout. After a hold: hold, hike, hold. After a hike: hold.
fn taught(extra: &str) -> FomcModel {
    let mut model = FomcModel::new(settings(extra));
    for month in ["2019-06", "2019-12"] {
        let fact = Fact::Unemployment { month: Month::parse(month).unwrap(), rate: percent("3.6") };
        model.learn_fact(&fact, at("2020-01-03T13:30:00Z"));
    }
    let month = Month::parse("2019-12").unwrap();
    model.learn_fact(
        &Fact::CpiPrint { month, yoy: Some(percent("2.3")), mom: None, core_mom: None },
        at("2020-01-14T13:30:00Z"),
    );
    decide(&mut model, "2020-01-29T19:00:00Z", "1.75", "1.75", true); // regime unknown: no last decision
    decide(&mut model, "2020-03-18T18:00:00Z", "1.75", "1.75", true); // after a hold: held
    decide(&mut model, "2020-04-29T18:00:00Z", "1.75", "2.00", true); // after a hold: hiked
    decide(&mut model, "2020-06-10T18:00:00Z", "2.00", "2.00", true); // after a hike: held
    decide(&mut model, "2020-07-29T18:00:00Z", "2.00", "2.00", true); // after a hold: held
    for meeting in ["2020-09-16T18:00:00Z", "2020-11-05T19:00:00Z", "2020-12-16T19:00:00Z"] {
        model.learn_fact(&Fact::FomcMeeting { announcement: at(meeting) }, at("2020-07-29T18:00:00Z"));
    }
    model
}

fn belief(model: &mut FomcModel, market: &Market, now: &str) -> Option<Estimate> {
    let quote = Quote::default();
    model.evaluate(&MarketView { market, quote: &quote, close_time: market.close_time, now: at(now) })
}

#[test]
fn one_meeting_ahead_by_hand() {
    // Five meetings in all: 4 holds, 1 hike. q(hold) = 4.5/9.5, q(hike 25) = 1.5/9.5, others 0.5/9.5.
    // After a hold: n = 3 (2 holds, 1 hike), α = 2:
    // p(hold) = (2 + 2·4.5/9.5)/5 = 0.589474, p(+25) = (1 + 2·1.5/9.5)/5 = 0.263158, others (2·0.5/9.5)/5 = 0.021053
    let mut model = taught("prior_strength = 2");
    let above_two = market("KXFED", Strike::Greater(percent("2.00")));
    let estimate = belief(&mut model, &above_two, "2020-11-06T00:00:00Z").unwrap();
    // above 2.00 from 2.00: +25, +50, +75, +100: 0.263158 + 3 × 0.021053 = 0.326316
    assert_eq!(estimate.probability.ppm(), 326_316);
    assert_eq!(estimate.confidence.ppm(), 600_000); // 3 / (3 + 2)
    let words = "2 of 3 meetings after a hold with CPI not above 3 % and unemployment not rising held";
    assert_eq!(&*estimate.reason, words);
}

#[test]
fn decisions_are_priced_from_their_strikes() {
    let mut model = taught("prior_strength = 2");
    let hold = market("KXFEDDECISION", Strike::Between(percent("0"), percent("0")));
    let big_cut = market("KXFEDDECISION", Strike::Less(percent("-25")));
    assert_eq!(belief(&mut model, &hold, "2020-11-06T00:00:00Z").unwrap().probability.ppm(), 589_474);
    // −50, −75, −100: 3 × 0.021053 = 0.063158
    assert_eq!(belief(&mut model, &big_cut, "2020-11-06T00:00:00Z").unwrap().probability.ppm(), 63_158);
    let other = market("KXGDP", Strike::Greater(percent("2")));
    assert_eq!(belief(&mut model, &other, "2020-11-06T00:00:00Z"), None);
    let unpriced = market("KXFED", Strike::Other);
    assert_eq!(belief(&mut model, &unpriced, "2020-11-06T00:00:00Z"), None);
}

#[test]
fn later_meetings_go_through_the_ones_between() {
    // Two meetings from now, above 2.00 means the two changes add up to +25 or more. With a hold first
    // (0.589474) the second is the same distribution; after a hike or a cut it is that regime's.
    // After a hike: n = 1 (held): p(hold) = (1 + 2·4.5/9.5)/3 = 0.649123, p(+25) = (2·1.5/9.5)/3 = 0.105263,
    // others (2·0.5/9.5)/3 = 0.035088. After a cut: n = 0: q itself: hold 0.473684, +25 0.157895, others 0.052632.
    // second leg, P(sum > 0 | first = k):
    //  first 0:    0.263158 + 3·0.021053                       = 0.326316
    //  first +25:  1 − P(second ≤ −25) = 1 − 4·0.035088         = 0.859649
    //  first +50:  1 − P(second ≤ −50) = 1 − 3·0.035088         = 0.894737
    //  first +75:  1 − 2·0.035088 = 0.929825;  first +100: 1 − 0.035088 = 0.964912
    //  first −25:  P(≥ +50) = 3·0.052632 = 0.157895; −50: 2·0.052632 = 0.105263; −75: 0.052632; −100: 0
    // total = 0.589474·0.326316 + 0.263158·0.859649
    //       + 0.021053·(0.894737 + 0.929825 + 0.964912 + 0.157895 + 0.105263 + 0.052632) = 0.483952
    let mut model = taught("prior_strength = 2");
    let above_two = market("FED", Strike::Greater(percent("2.00")));
    let estimate = belief(&mut model, &above_two, "2020-09-17T00:00:00Z").unwrap();
    assert!((i64::from(estimate.probability.ppm()) - 483_952).abs() <= 1, "{}", estimate.probability.ppm());
    assert!(estimate.reason.ends_with("held; 2 meetings from now"));
}

#[test]
fn unscheduled_moves_change_the_level_not_the_counts() {
    let mut model = taught("prior_strength = 2");
    decide(&mut model, "2020-10-15T12:00:00Z", "2.00", "1.00", false);
    assert_eq!(model.meetings.len(), 5);
    assert_eq!(model.level, Some(percent("1.00")));
    let above_one = market("FED", Strike::Greater(percent("1.00")));
    let estimate = belief(&mut model, &above_one, "2020-11-06T00:00:00Z").unwrap();
    // after a cut nothing is known: q, +25 and more: 0.157895 + 3 × 0.052632
    assert_eq!(estimate.probability.ppm(), 315_789);
    assert_eq!(estimate.confidence, Fraction::ZERO);
}

#[test]
fn a_meeting_on_no_calendar_is_not_priced() {
    let mut model = taught("");
    let mut far = market("FED", Strike::Greater(percent("2.00")));
    far.close_time = at("2021-06-16T17:55:00Z");
    assert_eq!(belief(&mut model, &far, "2020-11-06T00:00:00Z"), None);
}

#[test]
fn nothing_is_impossible_and_a_ladder_never_rises() {
    let mut model = taught("");
    let mut last = Probability::ONE;
    for strike in ["0.00", "1.00", "1.75", "2.00", "2.25", "2.75", "3.00"] {
        let rung = market("FED", Strike::Greater(percent(strike)));
        let now = belief(&mut model, &rung, "2020-11-06T00:00:00Z").unwrap().probability;
        assert!(now <= last, "P(above {strike}) = {now} after {last}");
        last = now;
    }
    let top = market("FED", Strike::Greater(percent("2.75")));
    assert!(belief(&mut model, &top, "2020-11-06T00:00:00Z").unwrap().probability > Probability::ZERO);
}

#[test]
fn rising_unemployment_and_high_inflation_are_regimes_of_their_own() {
    let mut model = taught("");
    let month = Month::parse("2020-06").unwrap();
    model.learn_fact(&Fact::Unemployment { month, rate: percent("3.9") }, at("2020-07-30T12:30:00Z"));
    let month = Month::parse("2020-06").unwrap();
    let print = Fact::CpiPrint { month, yoy: Some(percent("3.1")), mom: None, core_mom: None };
    model.learn_fact(&print, at("2020-07-30T12:30:00Z"));
    let regime = model.current_regime().unwrap();
    assert!(regime.rising_unemployment, "3.6 to 3.9 is a rise of 0.3");
    assert!(regime.high_inflation);
}
