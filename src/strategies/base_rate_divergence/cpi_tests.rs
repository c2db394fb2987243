//! The model against sums done by hand on a handful of prints.

use crate::domain::{EventId, FeeSchedule, Market, MarketId, PriceGrid, Quote, SeriesId};

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn tenths(tenths: i64) -> Decimal6 {
    Decimal6::from_millionths(tenths * TENTH)
}

fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

fn model(extra: &str) -> CpiModel {
    CpiModel::new(toml::from_str(&format!("model = \"cpi\"\n{extra}")).unwrap())
}

fn print(model: &mut CpiModel, of: &str, yoy: Option<i64>, mom: Option<i64>) -> Learned {
    let (yoy, mom) = (yoy.map(tenths), mom.map(tenths));
    model.learn_fact(&Fact::CpiPrint { month: month(of), yoy, mom, core_mom: None })
}

fn schedule(model: &mut CpiModel, of: &str, release: Option<&str>) {
    model.learn_fact(&Fact::CpiRelease { month: month(of), release: release.map(at) });
}

/// A year of 0.2 % a month and 3 % a year, and the releases of 2024.
fn taught(extra: &str) -> CpiModel {
    let mut model = model(extra);
    for of in 1..=12 {
        print(&mut model, &format!("2023-{of:02}"), Some(30), Some(2));
    }
    schedule(&mut model, "2024-01", Some("2024-02-13T13:30:00Z"));
    schedule(&mut model, "2024-02", Some("2024-03-12T12:30:00Z"));
    schedule(&mut model, "2024-03", Some("2024-04-10T12:30:00Z"));
    model
}

fn market(series: &str, strike: Strike, close: &str) -> Market {
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
        open_time: at("2024-01-01T00:00:00Z"),
        close_time: at(close),
        grid: PriceGrid::whole_cents(),
        fees: FeeSchedule::STANDARD,
    }
}

fn belief(model: &mut CpiModel, market: &Market) -> Option<Estimate> {
    let (quote, now) = (Quote::default(), at("2024-01-20T00:00:00Z"));
    model.evaluate(&MarketView { market, quote: &quote, close_time: market.close_time, now })
}

fn above(series: &str, strike: i64, close: &str) -> Market {
    market(series, Strike::Greater(tenths(strike)), close)
}

const JANUARY: &str = "2024-02-13T13:25:00Z";
const FEBRUARY: &str = "2024-03-12T12:25:00Z";

#[test]
fn a_print_is_rounded_before_it_is_compared() {
    // Above 0.3 is 0.4 or more, which is 0.35 or more before rounding: half of what is centred there.
    let centred = Student { location: 0.35, scale: 0.1 };
    assert!((probability_of_print(centred, Strike::Greater(tenths(3))).unwrap() - 0.5).abs() < 1e-12);
    // Between the tenths nothing is ever printed: above 0.3 and above 0.39 are the same.
    let odd = Strike::Greater(Decimal6::from_millionths(390_000));
    assert_eq!(probability_of_print(centred, odd), probability_of_print(centred, Strike::Greater(tenths(3))));
    // Exactly 0.4 is from 0.35 to 0.45, which is from 0 to 1 scales: scipy.stats.t(4).cdf(1) − ½ = 0.3130495168
    let exactly = probability_of_print(centred, Strike::Between(tenths(4), tenths(4))).unwrap();
    assert!((exactly - 0.313_049_516_8).abs() < 1e-9);
    assert_eq!(probability_of_print(centred, Strike::Other), None);
}

#[test]
fn every_strike_pays_on_the_prints_it_says() {
    for millionths in (-350_000..=350_000).step_by(10_000) {
        let strike = Decimal6::from_millionths(millionths);
        let wider = Decimal6::from_millionths(millionths + 150_000);
        let strikes = [
            Strike::Greater(strike),
            Strike::GreaterOrEqual(strike),
            Strike::Less(strike),
            Strike::LessOrEqual(strike),
            Strike::Between(strike, wider),
        ];
        for strike in strikes {
            let (lowest, highest) = paying_range(strike).unwrap();
            for print in -9..=9 {
                let within = lowest.is_none_or(|lowest| lowest <= print)
                    && highest.is_none_or(|highest| print <= highest);
                assert_eq!(Some(within), strike.pays_yes(tenths(print)), "{strike:?} at {print}");
            }
        }
    }
}

#[test]
fn the_trend_by_hand() {
    // Twelve prints of 0.2, then one of 0.5: the mean is 2.9/13 = 0.223077, and a month later
    // 0.223077 + ½·0.276923 = 0.361538 is expected. A year before February 2024 stands 0.2, so the year on
    // year figure goes from 3.4 to 3.561538.
    let mut model = taught("");
    print(&mut model, "2024-01", Some(34), Some(5));
    let close = |found: Option<(f64, i32)>, expected: f64, months| {
        let (found, ahead) = found.unwrap();
        assert!((found - expected).abs() < 1e-6 && ahead == months, "{found} {ahead}");
    };
    close(model.expected_print(Figure::Mom, month("2024-02"), CpiBasis::Trend), 0.361_538, 1);
    close(model.expected_print(Figure::Yoy, month("2024-02"), CpiBasis::Trend), 3.561_538, 1);
    // A month further: 0.223077 + ¼·0.276923 = 0.292308; 3.561538 + 0.292308 − 0.2 = 3.653846
    close(model.expected_print(Figure::Mom, month("2024-03"), CpiBasis::Trend), 0.292_308, 2);
    close(model.expected_print(Figure::Yoy, month("2024-03"), CpiBasis::Trend), 3.653_846, 2);
    close(model.expected_print(Figure::Yoy, month("2024-03"), CpiBasis::LastPrint), 3.4, 2);
    // No change is known of a year before that many months ahead.
    assert_eq!(model.expected_print(Figure::Yoy, month("2025-02"), CpiBasis::Trend), None);
    assert_eq!(model.expected_print(Figure::CoreMom, month("2024-02"), CpiBasis::LastPrint), None);
}

#[test]
fn one_and_two_months_ahead_by_hand() {
    // Of the monthly prints six are expected by the trend (from the seventh on), all as they came, so of
    // 12 + 6 months' worth of spread 12 are the prior's 0.18²: scale² = 12·0.0324/18 = 0.0216, scale 0.146969.
    // Expected is 0.2; above 0.3 is from 0.35 on: t = 0.15/0.146969 = 1.020621, 1 − F(t) = 0.182569 (scipy).
    let mut model = taught("");
    let estimate = belief(&mut model, &above("KXCPI", 3, JANUARY)).unwrap();
    assert_eq!(estimate.probability.ppm(), 182_569);
    assert_eq!(estimate.confidence.ppm(), 333_333); // 6 / (6 + 12)
    let words = "CPI month on month of 2024-01 expected at 0.20 % by the trend of prints; \
                 first prints against that: 0.00 ± 0.15 over 6 months";
    assert_eq!(&*estimate.reason, words);
    // Two months ahead it is √(1 + ¼) = 1.118034 times as wide: t = 0.912871, 1 − F(t) = 0.206477 (scipy).
    let estimate = belief(&mut model, &above("KXCPI", 3, FEBRUARY)).unwrap();
    assert_eq!(estimate.probability.ppm(), 206_477);
    assert!(estimate.reason.ends_with("; 2 months from the last one"), "{}", estimate.reason);
    // Year on year the trend has not been tried yet: scale 0.20, twice as far √(1 + (3/2)²) = 1.802776 times.
    // Above 3.2 is from 3.25 on: t = 1.25, 1 − F = 0.139720; t = 0.25/0.360555 = 0.693375, 1 − F = 0.263116 (scipy).
    let estimate = belief(&mut model, &above("KXCPIYOY", 32, JANUARY)).unwrap();
    assert_eq!((estimate.probability.ppm(), estimate.confidence), (139_720, Fraction::ZERO));
    let estimate = belief(&mut model, &above("CPIYOY", 32, FEBRUARY)).unwrap();
    assert_eq!(estimate.probability.ppm(), 263_116);
}

#[test]
fn a_consensus_is_believed_with_errors_of_its_own() {
    let mut model = taught("");
    let expect = |model: &mut CpiModel, of, mom| {
        let mom = Some(tenths(mom));
        model.learn_fact(&Fact::CpiConsensus { month: month(of), yoy: None, mom, core_mom: None })
    };
    assert_eq!(expect(&mut model, "2024-01", 4), Learned::Used);
    let before = belief(&mut model, &above("KXCPI", 3, JANUARY)).unwrap();
    // Expected 0.4, the prior's scale 0.10: t = −0.5, P = F(0.5) = 0.678335 (scipy)
    assert_eq!(before.probability.ppm(), 678_335);
    assert!(before.reason.contains("expected at 0.40 % by the consensus"), "{}", before.reason);
    print(&mut model, "2024-01", None, Some(4));
    let sample = |model: &CpiModel, basis: CpiBasis| {
        model.samples[Figure::Mom as usize][basis as usize].errors.clone()
    };
    assert_eq!(sample(&model, CpiBasis::Consensus), [0.0]);
    assert!((sample(&model, CpiBasis::Trend)[6] - 0.2).abs() < 1e-12, "the trend had expected 0.2");
    expect(&mut model, "2024-02", 4);
    // One error of nought: scale² = 12·0.01/13 = 0.009231, t = −0.05/0.096077 = −0.520416, P = 0.684875 (scipy)
    let after = belief(&mut model, &above("KXCPI", 3, FEBRUARY)).unwrap();
    assert_eq!((after.probability.ppm(), after.confidence.ppm()), (684_875, 76_923)); // 1 / 13
}

#[test]
fn markets_that_ask_about_no_scheduled_print_are_left_alone() {
    let mut model = taught("");
    assert_eq!(belief(&mut model, &above("KXGDP", 3, JANUARY)), None);
    assert_eq!(belief(&mut model, &market("KXCPI", Strike::Other, JANUARY)), None);
    assert_eq!(belief(&mut model, &above("KXCPI", 3, "2024-02-11T00:00:00Z")), None, "two days before");
    assert_eq!(belief(&mut model, &above("KXCPI", 3, "2024-02-14T00:00:00Z")), None, "after it");
    assert_eq!(belief(&mut model, &above("KXCPICORE", 3, JANUARY)), None, "no core print is known");
    let mut moved = taught("");
    schedule(&mut moved, "2024-01", Some("2024-02-20T13:30:00Z"));
    assert_eq!(belief(&mut moved, &above("KXCPI", 3, JANUARY)), None);
    assert!(belief(&mut moved, &above("KXCPI", 3, "2024-02-20T13:25:00Z")).is_some());
    print(&mut model, "2024-01", Some(30), Some(2));
    assert_eq!(belief(&mut model, &above("KXCPI", 3, JANUARY)), None, "already printed");
}

#[test]
fn a_print_after_a_hole_is_no_change_of_one_month() {
    let mut model = taught("");
    schedule(&mut model, "2024-01", None);
    let february = above("KXCPI", 3, FEBRUARY);
    assert_eq!(belief(&mut model, &february), None, "it will be a change over two months");
    assert!(belief(&mut model, &above("KXCPIYOY", 32, FEBRUARY)).is_some(), "the year is a year");
    print(&mut model, "2024-02", Some(31), Some(9));
    assert_eq!(model.prints[Figure::Mom as usize].last_key_value(), Some((&month("2023-12"), &0.2)));
    let errors = &model.samples[Figure::Yoy as usize][CpiBasis::LastPrint as usize].errors;
    assert_eq!(errors.len(), 11, "an error over two months is not one over one");
}

#[test]
fn a_print_is_taken_once() {
    let mut model = taught("");
    assert_eq!(print(&mut model, "2023-12", Some(99), Some(9)), Learned::Ignored);
    assert_eq!(model.prints[Figure::Yoy as usize].get(&month("2023-12")), Some(&3.0));
    assert_eq!(
        model.learn_fact(&Fact::FomcMeeting { announcement: at("2024-01-31T19:00:00Z") }),
        Learned::Ignored
    );
}

#[test]
fn a_ladder_never_rises_and_nothing_is_impossible() {
    let mut model = taught("");
    let mut last = Probability::ONE;
    for strike in 0..60 {
        let now = belief(&mut model, &above("KXCPIYOY", strike, FEBRUARY)).unwrap().probability;
        assert!(now <= last && now > Probability::ZERO, "P(above {strike}) = {now} after {last}");
        last = now;
    }
}
