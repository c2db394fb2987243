//! Every chart with every kind of odd data; ticks, units and thinning against cases worked out by hand.

use super::canvas::{text_width, truncate_to_width};
use super::reduce::downsample_points;
use super::scale::{AxisRange, AxisUnit, Tick, day_text, days_since_epoch, time_range, time_ticks};
use super::*;
use crate::domain::Timestamp;

const DAY: f64 = 86_400e9;

#[expect(clippy::cast_possible_truncation, reason = "test moments are whole numbers of seconds")]
fn at(day: f64) -> Timestamp {
    Timestamp::from_nanos((day * DAY) as i64)
}

/// Values of one kind: the odd cases every chart must bear.
fn series(kind: &str) -> Vec<f64> {
    match kind {
        "none" => vec![],
        "one" => vec![0.3],
        "equal" => vec![0.25; 40],
        "zero" => vec![0.0; 40],
        "unknown" => vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
        "holes" => vec![0.1, f64::NAN, 0.4, 0.5, f64::NAN, 0.2],
        "huge" => vec![1e15, -1e15, 3e14],
        "tiny" => vec![1e-15, -1e-15, 3e-14],
        "many" => (0..200_000).map(|n| f64::from(n % 997) / 997.0).collect(),
        _ => unreachable!("{kind}"),
    }
}

const KINDS: [&str; 9] = ["none", "one", "equal", "zero", "unknown", "holes", "huge", "tiny", "many"];

/// All charts over the same values, with `name` wherever a chart shows a name.
fn all(values: &[f64], name: &str) -> Vec<(&'static str, Svg)> {
    let (title, description) = (name.to_owned(), name.to_owned());
    let moments: Vec<_> =
        values.iter().enumerate().map(|(n, v)| (at(19_000.0 + n as f64 / 24.0), *v)).collect();
    let share = |value: f64| value.clamp(0.0, 1.0);
    let mut shares: Vec<_> = values.iter().copied().map(share).collect();
    shares.sort_by(f64::total_cmp);
    let dial = Reliability {
        title: title.clone(),
        description: description.clone(),
        curves: ["model", "market"]
            .map(|_| ReliabilityCurve {
                name: name.to_owned(),
                isotonic: shares.iter().map(|v| (*v, *v)).collect(),
                bins: values
                    .iter()
                    .take(30)
                    .map(|v| ReliabilityBin {
                        forecast: share(*v),
                        observed: 0.5,
                        low: 0.4,
                        high: 0.6,
                        count: 3,
                    })
                    .collect(),
                histogram: values.iter().map(|v| u64::from(*v > 0.2)).collect(),
            })
            .to_vec(),
        consistency: shares.iter().map(|v| BandPoint { forecast: *v, low: 0.1, high: 0.9 }).collect(),
        consistency_name: name.to_owned(),
    };
    let account =
        |&(at, v): &(Timestamp, f64)| CurvePoint { at, equity: v, peak: v, drawdown: 0.1, exposure: v };
    let halts = moments.iter().map(|(at, _)| HaltMark { at: *at, label: name.to_owned() }).collect();
    let money = Equity {
        title: title.clone(),
        description: description.clone(),
        points: moments.iter().map(account).collect(),
        halts,
        exposure_cap: Some(0.2),
    };
    let run = RunCurve { name: name.to_owned(), bankroll: 0.5, equity: moments.clone() };
    let runs =
        EquityComparison { title: title.clone(), description: description.clone(), runs: vec![run; 9] };
    vec![
        ("reliability", draw_reliability_chart(&dial)),
        ("equity", draw_equity_chart(&money)),
        ("comparison", draw_comparison_chart(&runs)),
    ]
    .into_iter()
    .chain(others(values, &moments, name))
    .collect()
}

fn others(values: &[f64], moments: &[(Timestamp, f64)], name: &str) -> Vec<(&'static str, Svg)> {
    let (title, description) = (name.to_owned(), name.to_owned());
    let steps =
        values.iter().take(12).map(|v| WaterfallStep { label: name.to_owned(), amount: *v }).collect();
    let walk = WaterfallChart {
        title: title.clone(),
        description: description.clone(),
        steps,
        total: name.to_owned(),
    };
    let curve = EvidenceCurve { name: name.to_owned(), log10: values.to_vec() };
    let ratio = EvidenceChart {
        title: title.clone(),
        description: description.clone(),
        curves: vec![curve; 2],
        threshold: 20.0,
    };
    let scores = |&(at, v): &(Timestamp, f64)| RollingPoint {
        at,
        brier: v,
        brier_market: v / 2.0,
        gap: v,
        gap_low: v - 1.0,
        gap_high: v + 1.0,
    };
    let window = RollingChart {
        title: title.clone(),
        description: description.clone(),
        points: moments.iter().map(scores).collect(),
        window: name.to_owned(),
    };
    let mark = |v: &f64| MarkOutBar {
        horizon: name.to_owned(),
        cents: *v,
        interval: Some((v - 1.0, v + 1.0)),
        count: 9,
    };
    let horizons = values.iter().map(mark).collect();
    let marks = MarkOuts { title: title.clone(), description: description.clone(), horizons };
    let row = |v: &f64| ChartBar {
        label: name.to_owned(),
        value: *v,
        interval: Some((v - 0.1, v + 0.1)),
        count: Some(1_234),
        reference: Some(v / 2.0),
    };
    let table = Bars {
        title: title.clone(),
        description: description.clone(),
        figure: name.to_owned(),
        unit: AxisUnit::Dollars,
        signed: true,
        reference: Some(name.to_owned()),
        rows: values.iter().map(row).collect(),
    };
    let luck = Outcomes {
        title,
        description,
        simulated: values.to_vec(),
        observed: values.first().copied().unwrap_or(1.0),
        figure: name.to_owned(),
    };
    vec![
        ("waterfall", draw_waterfall_chart(&walk)),
        ("evidence", draw_evidence_chart(&ratio)),
        ("rolling", draw_rolling_chart(&window)),
        ("mark_outs", draw_mark_outs_chart(&marks)),
        ("bars", draw_bar_chart(&table)),
        ("outcomes", draw_outcomes_chart(&luck)),
    ]
}

/// Fails unless tags nest, attributes are quoted, and every number and text lies within the drawing.
fn check(name: &str, svg: &str) {
    let (mut open, mut rest, mut size) = (Vec::new(), svg, (0.0, 0.0));
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{name}: stray > in {before}");
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
            continue;
        }
        let element = tag.split([' ', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: {tag}");
        let attribute =
            |key: &str| tag.split_once(&format!(" {key}=\"")).map(|(_, v)| v.split('"').next().unwrap());
        let number = |key: &str| attribute(key).map(|value| value.parse::<f64>().unwrap());
        if let Some(whole) = attribute("viewBox") {
            let numbers: Vec<f64> = whole.split(' ').map(|n| n.parse().unwrap()).collect();
            size = (numbers[2], numbers[3]);
        }
        // In tenths of a pixel.
        let within = |value: f64, most: f64| {
            assert!((-10.0..=most + 10.0).contains(&value), "{name}: {value} beyond {most} in {tag}");
        };
        for (keys, most) in [(["x", "x1", "x2", "cx"], size.0), (["y", "y1", "y2", "cy"], size.1)] {
            keys.iter().filter_map(|key| number(key)).for_each(|value| within(value, most));
        }
        if let ("rect", Some(x), Some(y)) = (element, number("x"), number("y")) {
            within(x + number("width").unwrap(), size.0);
            within(y + number("height").unwrap(), size.1);
        }
        for point in attribute("points").into_iter().flat_map(str::split_whitespace) {
            let (x, y) = point.split_once(',').unwrap();
            within(x.parse().unwrap(), size.0);
            within(y.parse().unwrap(), size.1);
        }
        if element == "text" {
            let text = after.split('<').next().unwrap().trim();
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let width = 10.0 * text_width(&text.replace("&quot;", "\"").replace("&apos;", "'"));
            let before = match attribute("text-anchor").unwrap() {
                "start" => 0.0,
                "middle" => width / 2.0,
                _ => width,
            };
            within(number("x").unwrap() - before, size.0);
            within(number("x").unwrap() - before + width, size.0);
        }
        if !tag.ends_with('/') {
            open.push(element);
        }
    }
    assert!(open.is_empty() && size.1 > 500.0, "{name}: {open:?} {size:?}");
}

#[test]
fn every_chart_bears_every_kind_of_data() {
    for kind in KINDS {
        let mut bytes = 0;
        for (chart, svg) in all(&series(kind), "KXFED") {
            let (name, svg) = (format!("{chart} of {kind}"), svg.as_str());
            check(&name, svg);
            bytes += svg.len();
            assert!(!svg.contains("NaN") && !svg.contains("inf,") && !svg.contains("inf\""), "{name}");
            assert!(svg.len() < 400_000, "{name}: {} bytes", svg.len());
            let is_void = svg.contains("no data yet");
            // Of what is not finite a chart may keep a count or a clamped end, but need not.
            if kind != "unknown" {
                assert_eq!(is_void, kind == "none", "{name}");
            }
            assert_eq!(svg.matches("<svg").count(), 2, "{name}");
            assert_eq!(svg.matches("role=\"img\"").count(), 2, "{name}");
        }
        assert!(bytes < 2_000_000, "{kind}: {bytes} bytes, of the page's five million");
    }
}

#[test]
fn the_same_figures_give_the_same_bytes() {
    assert_eq!(all(&series("holes"), "a"), all(&series("holes"), "a"));
    assert_ne!(all(&series("holes"), "a"), all(&series("one"), "a"));
}

#[test]
fn names_cannot_leave_their_place() {
    let evil = "<script>alert(1)</script> & \"q\" 'q' \u{1}";
    for (chart, svg) in all(&series("holes"), evil) {
        check(chart, svg.as_str());
        assert!(!svg.as_str().contains("<script"), "{chart}");
        assert!(!svg.as_str().contains('\u{1}'), "{chart}");
        let title = "<title>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot; 'q' \u{fffd}</title>";
        assert!(svg.as_str().contains(title), "{chart}");
    }
}

#[test]
fn every_colour_is_one_that_the_style_turns_for_the_dark() {
    let drawings = all(&series("holes"), "a").into_iter().chain(all(&[], "a"));
    for (chart, svg) in drawings {
        for attribute in ["fill=\"#", "stroke=\"#"] {
            let values = svg.as_str().split(attribute).skip(1).map(|rest| &rest[..6]);
            for value in values {
                assert!(
                    STYLE.contains(&format!(".chart [{attribute}{value}\"]")),
                    "{chart}: {attribute}{value}"
                );
            }
        }
    }
}

#[test]
fn a_lone_spike_among_many_points_stays() {
    let mut points: Vec<_> = (0..200_000).map(|n| (f64::from(n), 1.0)).collect();
    points[123_456].1 = 9.0;
    points[77_777].1 = -4.0;
    let kept = downsample_points(&points, 340);
    assert!(kept.len() <= 340 * 4, "{}", kept.len());
    assert!(kept.contains(&(123_456.0, 9.0)) && kept.contains(&(77_777.0, -4.0)));
    assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
    assert!(kept.is_sorted_by(|a, b| a.0 < b.0), "in order, none twice");
}

#[test]
fn numbers_are_written_as_people_write_them() {
    assert_eq!(AxisUnit::Dollars.format_value(-1_234_567.891, 2), "−$1,234,567.89");
    assert_eq!(
        AxisUnit::Dollars.format_signed(999.5, 0),
        "+$1,000",
        "rounding may add a digit, and its comma"
    );
    assert_eq!(AxisUnit::Dollars.format_signed(-0.001, 2), "$0.00", "what rounds to zero has no sign");
    assert_eq!(AxisUnit::Share.format_value(0.125, 1), "12.5\u{a0}%");
    assert_eq!(AxisUnit::Cents.format_signed(1.25, 2), "+1.25\u{a0}¢");
    assert_eq!(AxisUnit::Number.format_value(123.0, 0), "123");
}

fn labels(ticks: &[Tick]) -> Vec<&str> {
    ticks.iter().map(|tick| tick.label.as_str()).collect()
}

#[test]
fn ticks_are_round_and_cover_the_range() {
    // 0.37 / 4 = 0.0925, so steps of 0.1
    let (range, ticks) = AxisRange { low: 0.03, high: 0.4 }.round_to_ticks(4, AxisUnit::Share);
    assert_eq!(labels(&ticks), ["0\u{a0}%", "10\u{a0}%", "20\u{a0}%", "30\u{a0}%", "40\u{a0}%"]);
    assert!(range.low.abs() < 1e-12 && (range.high - 0.4).abs() < 1e-12);
    // 4,300 / 4 = 1,075, so steps of 2,000
    let (_, ticks) = AxisRange { low: -300.0, high: 4_000.0 }.round_to_ticks(4, AxisUnit::Dollars);
    assert_eq!(labels(&ticks), ["−$2,000", "$0", "$2,000", "$4,000"]);
    assert_eq!(labels(&AxisRange { low: 1.0, high: 9.0 }.ticks_within(3, AxisUnit::Number)), ["5"]);
    // cents come in pairs of digits
    let (_, ticks) = AxisRange { low: 0.0, high: 1.0 }.round_to_ticks(2, AxisUnit::Dollars);
    assert_eq!(labels(&ticks), ["$0.00", "$0.50", "$1.00"]);
}

#[test]
fn times_fall_on_round_dates() {
    // 2024-01-31 is day 19,753 (`date -ud 2024-01-31 +%s` / 86,400)
    let range = |low: f64, high: f64| AxisRange { low, high };
    assert_eq!(day_text(19_753.6), "Jan 31, 2024");
    let years = time_ticks(range(19_753.0 - 3_000.0, 19_753.0), 9);
    assert_eq!(labels(&years), ["2016", "2017", "2018", "2019", "2020", "2021", "2022", "2023", "2024"]);
    let months = time_ticks(range(19_660.0, 19_760.0), 4);
    assert_eq!(labels(&months), ["Nov", "Dec", "Jan", "Feb"]);
    let below: Vec<_> = months.iter().map(|tick| tick.below.first().map(String::as_str)).collect();
    assert_eq!(below, [Some("2023"), None, Some("2024"), None]);
    // Mondays: 2024-01-22, 29 and 2024-02-05
    let weeks = time_ticks(range(19_740.0, 19_760.0), 4);
    assert_eq!(labels(&weeks), ["Jan 22", "Jan 29", "Feb 5"]);
    let hours = time_ticks(range(19_753.0, 19_753.5), 5);
    assert_eq!(labels(&hours), ["00:00", "03:00", "06:00", "09:00", "12:00"]);
    assert_eq!(hours[0].below, ["Jan 31"]);
    let one = time_range([days_since_epoch(at(19_753.5))]).unwrap();
    assert!(!time_ticks(one, 3).is_empty());
    let all = time_range([Timestamp::MIN, Timestamp::MAX].map(days_since_epoch)).unwrap();
    assert!((2..=9).contains(&time_ticks(all, 9).len()));
}

#[test]
fn what_a_drawdown_is() {
    // 100 → 120 → 90: 90 / 120 − 1 = −25 %, a return of −10 %
    let equity = [100.0, 120.0, 90.0].iter().zip(0..).map(|(v, n)| (at(f64::from(n)), *v)).collect();
    let run = RunCurve { name: "a".to_owned(), bankroll: 100.0, equity };
    let (returns, drawdowns) = equity::returns_and_drawdowns(&run);
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
    near(returns[1].1, 0.2);
    near(returns[2].1, -0.1);
    near(drawdowns[1].1, 0.0);
    near(drawdowns[2].1, -0.25);
}

#[test]
fn a_waterfall_ends_at_the_sum_of_its_steps() {
    let step = |label: &str, amount| WaterfallStep { label: label.to_owned(), amount };
    let steps = vec![step("gross", 100.0), step("fees", -30.25), step("exits", -80.0)];
    let input = WaterfallChart { total: "Net".to_owned(), steps, ..WaterfallChart::default() };
    let svg = draw_waterfall_chart(&input);
    let text = |wanted: &str| svg.as_str().split(['<', '>']).any(|part| part.trim() == wanted);
    assert!(text("+$100.00") && text("−$30.25") && text("−$80.00"));
    assert!(text("Net") && text("−$10.25"));
}

#[test]
fn what_is_not_drawn_is_counted() {
    let rows = vec![ChartBar { label: "x".to_owned(), value: 1.0, ..ChartBar::default() }; 45];
    let input = Bars {
        title: String::new(),
        description: String::new(),
        figure: "Profit".to_owned(),
        unit: AxisUnit::Dollars,
        signed: false,
        reference: None,
        rows,
    };
    assert!(draw_bar_chart(&input).as_str().contains("and 5 more, not drawn"));
}

#[test]
fn long_names_are_cut_to_their_room() {
    let name = "Highest temperature in New York City today";
    assert_eq!(truncate_to_width(name, 1e4), name);
    let cut = truncate_to_width(name, 100.0);
    assert!(cut.ends_with('…') && text_width(&cut) <= 100.0 && cut.len() > 8, "{cut}");
    assert_eq!(truncate_to_width(name, 1.0), "…");
}
