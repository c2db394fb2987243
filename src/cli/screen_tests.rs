//! What is on the screen, on one that is not there.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyEvent;
use serde_json::json;

use crate::live::health::RefusedOrders;

use super::*;

fn health() -> Health {
    let at = "2026-11-19T15:00:00Z";
    serde_json::from_value(json!({
        "at": at, "started_at": at, "desk_at": at, "pid": 1, "version": "0", "mode": "live",
        "environment": "prod", "scenario": "fomc", "run_id": "r1", "equity": 9_812.5, "cash": 9_000.0,
        "exposure": 800.0, "peak": 10_000.0, "drawdown": 0.01875, "scale": 1.0, "daily_loss_reached": false,
        "positions": [{
            "ticker": "KXFED-26DEC-T4.00", "strategy": "fomc", "side": "no", "contracts": 120.0,
            "entry_price": 0.56, "mark": 0.545, "unrealized": -1.8, "belief": 0.75,
            "opened_at": at, "time_stop_at": "2027-01-03T15:00:00Z", "close_time": "2026-12-09T18:55:00Z",
        }],
        "orders": [{
            "order_id": 7, "ticker": "KXCPI-26NOV-T0.3", "strategy": "cpi", "side": "yes", "action": "buy",
            "price": 0.31, "contracts": 10.0, "filled": 4.0,
        }],
        "feed": {"up": false, "since": at, "last_message_at": at, "markets": 12, "stale_books": 3},
        "counts": {}, "halts": {"trading": "the owner slept badly", "strategies": ["cpi"]},
        "decisions": [{"at": at, "text": "order 7: buy 10 yes"}],
        "refusals": [{"at": at, "text": "KXFED-26DEC-T4.25: at target"}],
    }))
    .unwrap()
}

fn lines(width: u16, height: u16) -> Vec<String> {
    shown(&health(), width, height)
}

fn shown(health: &Health, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let now = Timestamp::parse("2026-11-19T15:00:42Z").unwrap();
    terminal.draw(|frame| render_frame(frame, health, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

#[test]
fn everything_an_owner_wants_to_know_is_on_it() {
    let lines = lines(110, 40);
    assert_eq!(lines[0], " live on prod  fomc · run r1 · up 42 s");
    assert!(lines[1].starts_with("equity $9,812.50   cash $9,000.00   exposure $800.00   drawdown 1.9 %"));
    assert_eq!(lines[2], "feed DOWN for 42 s · heard 42 s ago · 12 markets, 3 without a fresh quote");
    assert!(lines[3].starts_with("HALTED: all trading: the owner slept badly"));
    assert!(lines[4].starts_with("HALTED: cpi by its kill switch"));
    let held = lines.iter().find(|line| line.starts_with("KXFED-26DEC-T4.00")).unwrap();
    for figure in ["120 no", "0.560", "0.545", "-1.80", "75.0 %", "2026-12-09 18:55"] {
        assert!(held.contains(figure), "{figure}: {held}");
    }
    assert!(lines.iter().any(|line| line.starts_with("KXCPI-26NOV-T0.3") && line.contains("buy 4/10 yes")));
    assert!(lines.contains(&"15:00:00 order 7: buy 10 yes".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"15:00:00 KXFED-26DEC-T4.25: at target".to_owned()));
}

#[test]
fn that_every_order_is_refused_is_said_whole_in_a_narrow_terminal_too() {
    let mut health = health();
    let since = Moment(Timestamp::parse("2026-11-19T14:00:00Z").unwrap());
    let words =
        "POST /portfolio/events/orders: refused with 409 `exceeded_order_group_risk_limit`".to_owned();
    let (reason, words) = ("refused".to_owned(), Some(words));
    let refused = RefusedOrders { in_a_row: 337, exits: 20, since, reason, words };
    health.refused_orders = Some(refused.clone());
    let whole = |lines: Vec<String>| lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    for width in [60, 80, 130] {
        let text = whole(shown(&health, width, 40));
        for part in [
            "REFUSED: the exchange has refused the last 337 orders, 20 of them to close a position",
            "resets the order group",
            "409 `exceeded",
            "HALTED: cpi by its kill switch",
        ] {
            assert!(text.contains(part), "{width}: {part}: {text}");
        }
    }
    health.refused_orders = Some(RefusedOrders { in_a_row: 2, ..refused });
    assert!(!whole(shown(&health, 130, 40)).contains("REFUSED"), "two may be bad luck");
}

#[test]
fn a_small_terminal_is_no_reason_to_fall_over() {
    for (width, height) in [(1, 1), (20, 5), (80, 12)] {
        lines(width, height);
    }
}

#[test]
fn only_q_and_control_c_end_it() {
    let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    assert!(is_quit(&key(KeyCode::Char('q'), KeyModifiers::NONE)));
    assert!(is_quit(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    assert!(!is_quit(&key(KeyCode::Char('c'), KeyModifiers::NONE)));
    assert!(!is_quit(&Event::FocusGained));
}
