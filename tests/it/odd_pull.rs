//! `data pull` from an exchange that sends what its schemas allow: it loses what it cannot read, and nothing else.

use std::collections::BTreeSet;

use protogen::domain::{Market, SettlementValue, Span, Timestamp};
use protogen::feed::synthetic::{SyntheticSettings, write_synthetic};
use protogen::sandbox::{Faults, MarketOddity, OddMarket, OddMarkets, OddityHarm, ServeSettings, Speed};

use super::pull::{Ends, Rig, Wanted, expected, history, pulled};

/// An exchange whose answers are as its schemas allow them: what can be read is pulled as ever, whatever stands beside
/// it, and what cannot is left out and listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_loses_only_what_it_cannot_read_and_lists_it() {
    let data = tempfile::tempdir().unwrap();
    let start = Timestamp::parse("2024-03-01T00:00:30Z").unwrap();
    let length = Span::DAY.times(2);
    let settings = SyntheticSettings {
        seed: 11,
        markets: 120,
        markets_per_event: 6,
        series: 1,
        quotes: 12_000,
        start,
        length,
    };
    write_synthetic(data.path(), settings).unwrap();
    let end = start + length + Span::HOUR.times(5);
    let faults = Faults::parse("seed=50,odd=0.25").unwrap();
    let serving = ServeSettings { speed: Speed::Max, start: Some(end), faults, tier: None };
    let rig = Rig::start_serving(data.path(), None, serving).await;
    let out = rig.path("mine");
    let wanted =
        Wanted { rest: rig.rest(rig.port), out: &out, targets: &["SYN000"], change: |settings| settings };
    let report = wanted.pull().await.unwrap();

    let markets: Vec<Market> =
        history(data.path(), None).markets().iter().map(|market| Market::clone(market)).collect();
    let odd = OddMarkets::from_faults(&faults).list_odd_markets(&markets);
    // A market that pays in parts can be read, though not priced.
    let readable = [MarketOddity::TypeScalar, MarketOddity::BoundsFloor];
    let left_out = |odd: &&OddMarket| {
        odd.oddity.harm_class() == OddityHarm::FromListing && !readable.contains(&odd.oddity)
    };
    let unreadable: BTreeSet<&str> = odd.iter().filter(left_out).map(|odd| &*odd.ticker).collect();
    assert!(unreadable.len() >= 8, "{odd:?}");
    for ticker in &unreadable {
        assert!(report.unreadable.contains_key(*ticker), "{ticker} is not listed: {:?}", report.unreadable);
    }
    // Those that end oddly, pay something else, or trade longer, differ from the data.
    let differs = [MarketOddity::Reopened, MarketOddity::DeterminedSixDecimals];
    let comparable: BTreeSet<&str> = markets
        .iter()
        .map(|market| &*market.ticker)
        .filter(|ticker| {
            let oddity = odd.iter().find(|odd| odd.ticker == **ticker).map(|odd| odd.oddity);
            oddity.is_none_or(|oddity| {
                !differs.contains(&oddity)
                    && oddity.harm_class() != OddityHarm::FromDetermination
                    && !unreadable.contains(ticker)
            })
        })
        .collect();
    assert!(comparable.len() > 60, "{}", comparable.len());
    let (mut quotes, mut ends) = expected(data.path(), Span::HOUR, end);
    quotes.retain(|(_, ticker), _| comparable.contains(&**ticker));
    ends.retain(|ticker, _| comparable.contains(&**ticker));
    // When a market was paid is optional; without it a data set has no result.
    let untold = [MarketOddity::OptionalFieldsMissing, MarketOddity::OptionalFieldsNull];
    let is_told = |ticker: &str| !odd.iter().any(|odd| odd.ticker == ticker && untold.contains(&odd.oddity));
    ends.retain(|ticker, _| is_told(ticker));
    let (mut ours, mut our_ends) = pulled(&out);
    assert!(ours.keys().all(|(_, ticker)| !unreadable.contains(&**ticker)), "it is left out altogether");
    assert_pulled_in_six_decimals(&odd, &our_ends);
    ours.retain(|(_, ticker), _| comparable.contains(&**ticker));
    our_ends.retain(|ticker, _| comparable.contains(&**ticker) && is_told(ticker));
    assert_eq!((ours.len(), our_ends.len()), (quotes.len(), ends.len()));
    assert!(ours == quotes && our_ends == ends);
}

/// A payout of more decimals than a price has is pulled as it was told.
fn assert_pulled_in_six_decimals(odd: &[OddMarket], ends: &Ends) {
    let third = SettlementValue::parse_dollars("0.333333").unwrap();
    let paid_thirds: Vec<_> =
        odd.iter().filter(|odd| odd.oddity == MarketOddity::DeterminedSixDecimals).collect();
    assert!(!paid_thirds.is_empty(), "{odd:?}");
    for odd in paid_thirds {
        assert_eq!(ends[&odd.ticker].1, third, "{}", odd.ticker);
    }
}
