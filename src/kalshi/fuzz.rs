//! Whatever bytes come in, nothing panics, and no book is impossible: what the fuzz targets in `fuzz/`
//! run, and the tests with bytes at random.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Contracts, Price, Side, Timestamp};

use super::book::{BookId, OrderBooks, SequenceCheck, SequenceGuard};
use super::schema::decode_json;
use super::stream::state::{Effect, StreamState};
use super::stream::{StreamChannel, StreamSettings, Want};
use super::wire::{self, ApiErrorBody, ApiMarket};
use super::ws_messages::{BookDelta, BookFrame, BookSnapshot, Head, Message};

/// Reads an answer of the REST API as each of its types.
pub fn rest_parse(bytes: &[u8]) {
    macro_rules! read_as {
        ($($of:ty),* $(,)?) => {$(drop(decode_json::<$of>(stringify!($of), bytes));)*};
    }
    read_as!(
        wire::ExchangeStatus,
        wire::HistoricalCutoff,
        wire::OneSchedule,
        wire::OneSeries,
        wire::SeriesList,
        wire::FeeChanges,
        wire::EventFeeChangesPage,
        wire::OneEvent,
        wire::EventsPage,
        wire::OneOrderBook,
        wire::OrderBooks,
        wire::TradesPage,
        wire::CreatedOrder,
        wire::Amended,
        wire::Decreased,
        wire::Cancelled,
        wire::BatchCreatedList,
        wire::BatchCancelledList,
        wire::OneOrder,
        wire::OrdersPage,
        wire::FillsPage,
        wire::PositionsPage,
        wire::SettlementsPage,
        wire::Balance,
        wire::AccountLimits,
        wire::EndpointCosts,
        wire::OrderGroupCreated,
        wire::OrderGroup,
    );
    let _problem = ApiErrorBody::parse(bytes);
    let listed = decode_json::<wire::MarketsPage>("markets", bytes).map(|page| page.markets.items);
    let one = decode_json::<wire::OneMarket>("market", bytes).map(|one| vec![one.market]);
    listed.or(one).unwrap_or_default().iter().for_each(look_at);
}

fn look_at(market: &ApiMarket) {
    let _strike = market.strike();
    let _settled = market.settlement_value();
    let _mid = market.quote().twice_mid();
}

/// Reads each line as a message of the WebSocket, and lets a stream with every channel open live
/// through them.
pub fn ws_parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut now = Duration::from_secs(1);
    let mut state = StreamState::new(StreamSettings::new(1));
    let ticker = "KXHIGHNY-26NOV20-T55";
    state.handle_want(now, Want::Markets(vec![Arc::from(ticker), Arc::from("KXHIGHNY-26NOV20-T48")]));
    state.handle_connected(now);
    // The commands are numbered from 1; the subscriptions as in the exchange's examples.
    for ((id, channel), sid) in (1..).zip(StreamChannel::ALL).zip([4, 5, 6, 7, 2, 3, 1]) {
        let msg = format!(r#"{{"channel":"{channel}","sid":{sid}}}"#);
        state.handle_text_message(now, &format!(r#"{{"id":{id},"type":"subscribed","msg":{msg}}}"#));
    }
    for line in text.lines() {
        let _message = Message::parse(line);
        let _head = Head::from_json(line);
        state.handle_text_message(now, line);
        if line.len() % 4 == 0 {
            state.handle_socket_idle();
        }
        now += Duration::from_millis(100);
        state.check_timeouts(now);
        while let Some(effect) = state.pop_effect() {
            if let Effect::Reconnect { after } = effect {
                now += after;
                state.handle_connected(now);
            }
        }
    }
}

/// Takes six bytes at a time for a message to two books; no book has an empty level, or levels that are
/// not in order.
pub fn apply_book_messages(bytes: &[u8]) {
    let tickers: [Arc<str>; 2] = ["A".into(), "B".into()];
    let (mut books, mut guard) = (OrderBooks::default(), SequenceGuard::default());
    tickers.iter().for_each(|ticker| books.add_market(ticker));
    let mut seq = 0_u64;
    for piece in bytes.chunks_exact(6) {
        let &[kind, skip, cents, count, clock, other] = piece else { continue };
        seq = (seq + 1).saturating_add_signed(i64::from(skip.cast_signed() / 32));
        match guard.check_sequence(seq) {
            SequenceCheck::Again => continue,
            SequenceCheck::Gap => drop(books.lose_all()),
            SequenceCheck::Next => {}
        }
        let ticker = Arc::clone(&tickers[usize::from(kind & 1)]);
        let price = |cents: u8| Price::new(u16::from(cents % 101) * 100).unwrap_or(Price::ONE);
        let clock = (kind & 2 == 0).then_some(u64::from(clock));
        let change = Contracts::from_hundredths(i64::from(count.cast_signed()) << (other % 56));
        let frame = if kind & 4 == 0 {
            let side = if kind & 8 == 0 { Side::Yes } else { Side::No };
            let at = Some(Timestamp::from_nanos(i64::from(other)));
            BookFrame::Delta(BookDelta { ticker, clock, side, price: price(cents), change, at })
        } else {
            let yes = vec![(price(cents), change), (price(other), change)];
            BookFrame::Snapshot(BookSnapshot { ticker, clock, yes, no: Vec::new() })
        };
        books.apply_frame(&frame);
        for id in tickers.iter().filter_map(|ticker| books.find_book_id(ticker)) {
            assert_book_levels(&books, id);
        }
    }
}

fn assert_book_levels(books: &OrderBooks, id: BookId) {
    let Some(book) = books.live_book(id) else { return };
    for side in [Side::Yes, Side::No] {
        let levels = book.bids(side);
        assert!(levels.iter().all(|level| level.1.is_positive()), "an empty level: {levels:?}");
        assert!(levels.is_sorted_by(|one, next| one.0 < next.0), "levels not in order: {levels:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The exchange's own examples, whole or altered: bytes at random alone would not get far.
    fn altered() -> impl Strategy<Value = Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kalshi");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut examples: Vec<_> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        examples.sort();
        assert_eq!(examples.len(), 82);
        let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let one = (prop::sample::select(examples), cuts).prop_map(|(example, cuts)| {
            let mut bytes = example.lines().map(str::trim).collect::<String>().into_bytes();
            for (place, byte) in cuts {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes
        });
        prop::collection::vec(one, 1..4).prop_map(|lines| lines.join(&b'\n'))
    }

    proptest! {
        #[test]
        fn whatever_the_rest_api_answers(bytes in altered(), noise in any::<Vec<u8>>()) {
            rest_parse(&bytes);
            rest_parse(&noise);
        }

        #[test]
        fn whatever_the_socket_says(bytes in altered(), noise in any::<Vec<u8>>()) {
            ws_parse(&bytes);
            ws_parse(&noise);
        }

        #[test]
        fn whatever_becomes_of_books(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            apply_book_messages(&bytes);
        }
    }
}
