//! What is known when, and which whole degrees a strike pays at.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn nyc() -> Station {
    Station::parse("NYC").unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn forecast(highs: &mut Highs, date: &str, lead_hours: u16, high: i16, published: &str) {
    let fact = Fact::HighForecast { station: nyc(), day: day(date), lead_hours, high };
    assert!(highs.learn_fact(&fact, at(published)));
}

fn observe(highs: &mut Highs, date: &str, high: i16, published: &str) {
    assert!(highs.learn_fact(&Fact::ObservedHigh { station: nyc(), day: day(date), high }, at(published)));
}

/// Two past errors at 24 hours, +1 and −1, and one at 12 hours.
fn taught(polling: &str) -> Highs {
    let mut highs = Highs::new(ErrorModel::Empirical, Span::parse(polling).unwrap(), 2);
    forecast(&mut highs, "2021-03-01", 24, 40, "2021-02-28T23:05:00Z");
    forecast(&mut highs, "2021-03-01", 12, 42, "2021-03-01T11:05:00Z");
    observe(&mut highs, "2021-03-01", 41, "2021-03-02T13:00:00Z");
    forecast(&mut highs, "2021-03-02", 24, 50, "2021-03-01T23:05:00Z");
    observe(&mut highs, "2021-03-02", 49, "2021-03-03T13:00:00Z");
    highs
}

#[test]
fn errors_count_once_the_high_is_observed_and_by_lead() {
    let mut highs = taught("0s");
    forecast(&mut highs, "2021-03-03", 24, 55, "2021-03-02T23:05:00Z");
    let outlook = highs.outlook_for_day(nyc(), day("2021-03-03"), at("2021-03-03T00:00:00Z")).unwrap();
    assert_eq!((outlook.high, outlook.lead_hours, outlook.errors), (55, 24, 2));
    assert_eq!(*outlook.error, ErrorDistribution::Empirical(vec![-1, 1]));
    // The morning's forecast is newer, but one past error of its kind is too few.
    forecast(&mut highs, "2021-03-03", 12, 56, "2021-03-03T11:05:00Z");
    assert!(highs.outlook_for_day(nyc(), day("2021-03-03"), at("2021-03-03T12:00:00Z")).is_none());
    let elsewhere = Station::parse("CHI").unwrap();
    assert!(highs.outlook_for_day(elsewhere, day("2021-03-03"), at("2021-03-03T00:00:00Z")).is_none());
    assert!(highs.outlook_for_day(nyc(), day("2021-03-04"), at("2021-03-03T00:00:00Z")).is_none());
}

#[test]
fn a_poller_knows_a_forecast_from_the_next_poll_on() {
    let mut highs = taught("15m");
    forecast(&mut highs, "2021-03-03", 24, 55, "2021-03-02T23:05:00Z");
    forecast(&mut highs, "2021-03-03", 24, 60, "2021-03-03T00:30:00.000001Z");
    let high =
        |now: &str| highs.outlook_for_day(nyc(), day("2021-03-03"), at(now)).map(|outlook| outlook.high);
    assert_eq!(high("2021-03-02T23:05:00Z"), None);
    assert_eq!(high("2021-03-02T23:14:59Z"), None);
    assert_eq!(high("2021-03-02T23:15:00Z"), Some(55));
    assert_eq!(high("2021-03-03T00:44:59Z"), Some(55)); // published 00:30, stale for nearly 15 minutes
    assert_eq!(high("2021-03-03T00:45:00Z"), Some(60));
}

#[test]
fn strikes_pay_at_whole_degrees() {
    let value = |text| Decimal6::parse(text).unwrap();
    let cases = [
        (Strike::Greater(value("46")), (Some(47), None)),
        (Strike::Greater(value("46.5")), (Some(47), None)),
        (Strike::GreaterOrEqual(value("46")), (Some(46), None)),
        (Strike::GreaterOrEqual(value("45.5")), (Some(46), None)),
        (Strike::Less(value("40")), (None, Some(39))),
        (Strike::Less(value("39.5")), (None, Some(39))),
        (Strike::LessOrEqual(value("-3")), (None, Some(-3))),
        (Strike::LessOrEqual(value("-2.5")), (None, Some(-3))),
        (Strike::Between(value("45"), value("46")), (Some(45), Some(46))),
        (Strike::Between(value("-1.5"), value("0.5")), (Some(-1), Some(0))),
    ];
    for (strike, expected) in cases {
        assert_eq!(whole_degrees(strike), Some(expected), "{strike}");
        // The definition of the exchange, degree by degree.
        for degree in -60i32..=60 {
            let (least, most) = expected;
            let inside = least.is_none_or(|least| degree >= least) && most.is_none_or(|most| degree <= most);
            let pays = strike.pays_yes(Decimal6::from_millionths(i64::from(degree) * 1_000_000));
            assert_eq!(pays, Some(inside), "{strike} at {degree}");
        }
    }
    assert_eq!(whole_degrees(Strike::Other), None);
}
