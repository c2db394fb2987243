//! The strategy from its settings: which market is about which day, and what it believes.

use crate::domain::{Decimal6, EventId, FeeSchedule, Market, MarketId, PriceGrid, Quote, SeriesId, Strike};

use super::*;

const PLACE: &str = "places = [{ series = \"MODEL-HIGHNY\", station = \"NYC\", utc_offset = -5 }]\n";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn make(text: &str) -> Result<Weather, StrategySettingError> {
    Weather::new(toml::from_str(text).unwrap())
}

fn market(close: &str, strike: Strike) -> Market {
    Market {
        id: MarketId(0),
        event: EventId(0),
        series: SeriesId(0),
        ticker: "SAYS-NOTHING-99DEC31".into(),
        event_ticker: "E".into(),
        series_ticker: "MODEL-HIGHNY".into(),
        category: "".into(),
        title: "".into(),
        strike,
        open_time: at("2021-01-01T00:00:00Z"),
        close_time: at(close),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

#[test]
fn a_market_is_about_the_local_day_in_which_it_closes() {
    let place = WeatherPlace { series: "S".into(), station: Station::parse("NYC").unwrap(), utc_offset: -5 };
    for (close, day) in [
        ("2025-08-05T03:59:00Z", "2025-08-04"), // 23:59 daylight time, as the exchange closes in summer
        ("2025-12-06T04:59:00Z", "2025-12-05"), // 23:59 standard time
        ("2025-12-06T05:00:00Z", "2025-12-05"), // midnight ends the day
        ("2025-12-06T05:00:01Z", "2025-12-06"),
    ] {
        assert_eq!(local_day(at(close), &place).to_string(), day, "{close}");
    }
    let tokyo = WeatherPlace { utc_offset: 9, ..place };
    assert_eq!(local_day(at("2025-12-05T15:00:00Z"), &tokyo).to_string(), "2025-12-05");
}

/// Errors −1 and +1, so a forecast of 45 °F: normal with mean 0 and deviation √2. The band 45 to 46 pays
/// within [44.5, 46.5): Φ(1.5/√2) − Φ(−0.5/√2) = 0.855578 − 0.361837 = 0.493741.
#[test]
fn a_band_is_priced_with_half_a_degree_on_either_side() {
    let mut strategy = make(&format!("errors = \"gaussian\"\nleast_errors = 2\n{PLACE}")).unwrap();
    let station = Station::parse("NYC").unwrap();
    for (date, high) in [("2021-03-01", 39), ("2021-03-02", 41)] {
        let day = Day::parse(date).unwrap();
        let forecast = Fact::HighForecast { station, day, lead_hours: 24, high: 40 };
        assert_eq!(strategy.learn(&forecast, at("2021-03-01T00:00:00Z")), Learned::Used);
        strategy.learn(&Fact::ObservedHigh { station, day, high }, at("2021-03-03T13:00:00Z"));
    }
    let day = Day::parse("2021-03-04").unwrap();
    let forecast = Fact::HighForecast { station, day, lead_hours: 24, high: 45 };
    strategy.learn(&forecast, at("2021-03-03T23:05:00Z"));
    let whole = |degrees: i64| Decimal6::from_millionths(degrees * 1_000_000);
    let mut belief = |close: &str, strike| {
        let market = market(close, strike);
        let (quote, close_time) = (Quote::default(), market.close_time);
        let now = at("2021-03-04T00:00:00Z");
        strategy.evaluate(&MarketView { market: &market, quote: &quote, close_time, now })
    };
    let band = belief("2021-03-05T04:59:00Z", Strike::Between(whole(45), whole(46))).unwrap();
    assert_eq!(band.probability.ppm(), 493_741);
    assert_eq!(&*band.reason, "45 °F forecast 24 h ahead; 2 past errors, normal 0.0 ± 1.4 °F");
    // above 46: Φ(−1.5/√2) = 0.144422
    let above = belief("2021-03-05T04:59:00Z", Strike::Greater(whole(46))).unwrap();
    assert_eq!(above.probability.ppm(), 144_422);
    assert!(belief("2021-03-06T04:59:00Z", Strike::Greater(whole(46))).is_none(), "no forecast of that day");
    assert!(belief("2021-03-05T04:59:00Z", Strike::Other).is_none());
}

#[test]
fn settings_out_of_range_are_named() {
    let error = |text: &str| make(text).err().unwrap().to_string();
    let gaussian = "errors = \"gaussian\"\n";
    assert_eq!(
        error(&format!("{gaussian}polling = \"soon\"\n{PLACE}")),
        "polling = `soon` is not a duration like 250ms, 30s, 15m, 1h or 45d"
    );
    assert!(error(&format!("{gaussian}least_errors = 1\n{PLACE}")).starts_with("least_errors = 1"));
    assert!(error(&format!("{gaussian}places = []\n")).starts_with("places is empty"));
    let far = PLACE.replace("-5", "-13");
    assert!(error(&format!("{gaussian}{far}")).starts_with("places has utc_offset = -13"));
}

#[test]
fn facts_of_other_things_change_nothing() {
    let mut strategy = make(&format!("errors = \"empirical\"\n{PLACE}")).unwrap();
    let fact = Fact::FomcMeeting { announcement: at("2021-03-01T00:00:00Z") };
    assert_eq!(strategy.learn(&fact, at("2021-03-01T00:00:00Z")), Learned::Ignored);
}
