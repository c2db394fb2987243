//! What the stream does in every situation, without a socket and without a clock.
//!
//! Whoever drives it says what happened and when, as time since any start, and then carries out every
//! [`Effect`] before it says the next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::kalshi::book::{Applied, BookId, OrderBooks, SequenceCheck, SequenceGuard};
use crate::kalshi::limits::Backoff;
use crate::kalshi::ws_messages::{BookFrame, Frame, Head, Message, Refusal, UnreadableMessage};

use super::book_doubts::BookDoubts;
use super::change_batch::HeldChanges;
use super::subscription::{
    self, ChannelSubscription, CommandPurpose, PendingAdvance, Recovery, StreamCommand, SubscriptionPhase,
};
use super::{StreamChannel, StreamEvent, StreamSettings, Want};

/// What the driver of a [`StreamState`] has to carry out, in the order in which effects come.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this JSON command over the socket, as one text message.
    Send(String),
    /// Hand this event to whoever listens to the stream.
    Tell(StreamEvent),
    /// Drop the connection, if there is one, and make another after this pause.
    Reconnect {
        /// Time to wait before connecting again; it grows with each failure in a row, and has chance in it.
        after: Duration,
    },
}

/// The exchange's answers that end a subscription: its channel failed, or we read too slowly.
const ENDS_SUBSCRIPTION: [i64; 2] = [10, 25];

/// The whole state of the stream: connection, subscriptions, books, and effects still to be carried out.
#[derive(Debug)]
pub struct StreamState {
    settings: StreamSettings,
    backoff: Backoff,
    /// Connections lost since one was healthy.
    failures: u32,
    connected: Option<Duration>,
    heard: Duration,
    up: bool,
    last_id: u64,
    commands: BTreeMap<u64, StreamCommand>,
    subscriptions: [ChannelSubscription; StreamChannel::ALL.len()],
    wanted: BTreeSet<Arc<str>>,
    books: OrderBooks,
    held: HeldChanges,
    recovery: Option<Recovery>,
    last_recovery: Duration,
    advance: Option<PendingAdvance>,
    effects: VecDeque<Effect>,
    doubts: BookDoubts,
}

impl StreamState {
    /// Not connected, and nothing wanted yet.
    #[must_use]
    pub fn new(settings: StreamSettings) -> Self {
        Self {
            settings,
            backoff: Backoff::new(settings.first_pause, settings.longest_pause, settings.seed),
            failures: 0,
            connected: None,
            heard: Duration::ZERO,
            up: false,
            last_id: 0,
            commands: BTreeMap::new(),
            subscriptions: StreamChannel::ALL.map(ChannelSubscription::new),
            wanted: BTreeSet::new(),
            books: OrderBooks::of_levels(settings.levels),
            held: HeldChanges::default(),
            recovery: None,
            last_recovery: Duration::ZERO,
            advance: None,
            effects: VecDeque::new(),
            doubts: BookDoubts::default(),
        }
    }

    /// Takes out the next effect to carry out; `None` when there is nothing to do.
    pub fn pop_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns whether there is a connection, by what was last told.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// Notes that a connection was made, and queues the commands that subscribe the channels.
    pub fn handle_connected(&mut self, now: Duration) {
        self.connected = Some(now);
        self.heard = now;
        self.send_pending_commands(now);
    }

    /// Something came over the socket that is no message, such as a ping.
    pub fn record_activity(&mut self, now: Duration) {
        self.heard = now;
    }

    /// The socket has nothing more to read: what is held is taken to be complete. Our own stand-in for
    /// the exchange says so itself, after all messages of a moment.
    pub fn handle_socket_idle(&mut self) {
        if !self.advance.is_some_and(|advance| advance.sent) {
            self.release_held_changes();
        }
    }

    /// The connection is gone, or could not be made.
    pub fn handle_disconnected(&mut self, now: Duration, reason: &str) {
        self.release_held_changes();
        for id in self.books.reset_books() {
            self.say_stale(id);
        }
        if self.connected.take().is_some_and(|since| now.saturating_sub(since) >= self.settings.healthy) {
            self.failures = 0;
        }
        let after = self.backoff.retry_delay(self.failures);
        self.failures += 1;
        self.up = false;
        self.commands.clear();
        self.recovery = None;
        self.doubts = BookDoubts::default();
        self.last_recovery = Duration::ZERO;
        for subscription in &mut self.subscriptions {
            *subscription = ChannelSubscription::new(subscription.channel);
            if subscription.channel.by_market() {
                subscription.todo = self.wanted.iter().cloned().collect();
            }
        }
        if let Some(advance) = &mut self.advance {
            advance.sent = false;
        }
        self.queue_event(StreamEvent::Down { reason: reason.to_owned() });
        self.effects.push_back(Effect::Reconnect { after });
    }

    /// Takes a wish, and queues the commands for it that can be sent now.
    pub fn handle_want(&mut self, now: Duration, want: Want) {
        match want {
            Want::Markets(tickers) => {
                for ticker in tickers {
                    self.books.add_market(&ticker);
                    if !self.wanted.insert(Arc::clone(&ticker)) {
                        continue;
                    }
                    let by_market = self.subscriptions.iter_mut().filter(|one| one.channel.by_market());
                    by_market.for_each(|one| one.todo.push(Arc::clone(&ticker)));
                }
            }
            Want::Advance { until_ts_ms } => self.advance = Some(PendingAdvance { until_ts_ms, sent: false }),
        }
        self.send_pending_commands(now);
    }

    /// Checks the time limits: silence, commands without an answer, snapshots that do not come. Also sends
    /// what had to wait.
    pub fn check_timeouts(&mut self, now: Duration) {
        if self.connected.is_none() {
            return;
        }
        if now >= self.heard + self.settings.silence {
            return self
                .handle_disconnected(now, "nothing was heard, not even a ping: the connection is dead");
        }
        let unanswered = self.commands.values().find(|command| now >= command.sent + self.settings.answer);
        if let Some(command) = unanswered {
            let reason = format!("a command for channel {} was not answered", command.channel);
            return self.handle_disconnected(now, &reason);
        }
        if self.snapshots_due().is_some_and(|due| now >= due) {
            self.recovery = None;
            self.leave_books(now);
        }
        self.send_pending_commands(now);
    }

    /// When to call [`check_timeouts`](Self::check_timeouts) at the latest, should nothing else happen.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.connected?;
        let silence = Some(self.heard + self.settings.silence);
        let answer = self.commands.values().map(|command| command.sent + self.settings.answer).min();
        let ask = self.recovery.as_ref().filter(|recovery| recovery.asked.is_none());
        let ask = ask.map(|recovery| recovery.not_before);
        let asking = self.subscriptions.iter().filter(|one| one.has_to_ask());
        let retry = asking.map(|one| one.not_before).min();
        [silence, answer, ask, retry, self.snapshots_due(), self.doubts.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes one text message from the socket; without a connection it is dropped.
    pub fn handle_text_message(&mut self, now: Duration, text: &str) {
        self.heard = now;
        if self.connected.is_none() {
            return;
        }
        match Message::parse(text) {
            Ok(message) => self.handle_message(now, message),
            Err(error) => {
                self.release_held_changes();
                self.handle_unreadable_message(now, text, UnreadableMessage::describe(text, &error));
            }
        }
        self.send_pending_commands(now);
    }

    /// Carries on with a message that nobody could read. A change of one book makes that book stale; what may have been
    /// a change of any book makes all stale. Of another channel that counts its messages, it is a lost message.
    fn handle_unreadable_message(&mut self, now: Duration, text: &str, message: UnreadableMessage) {
        let head = Head::from_json(text).unwrap_or_default();
        let found =
            self.subscriptions.iter_mut().find(|one| head.sid.is_some() && one.active_sid() == head.sid);
        let channel = found.map(|found| {
            let gap = head.seq.is_some_and(|seq| found.guard.check_sequence(seq) == SequenceCheck::Gap);
            (found.channel, gap)
        });
        let book = message.ticker.as_deref().filter(|_| message.is_book());
        let book = book.and_then(|ticker| self.books.find_book_id(ticker));
        let is_of_one_market = message.ticker.is_some() && !message.is_about_account();
        self.queue_event(StreamEvent::Unreadable(message));
        match (channel, book) {
            (Some((StreamChannel::Books, false)), Some(id)) => {
                self.books.invalidate_book(id);
                self.say_stale(id);
                self.ask_for_snapshots(now, [id]);
            }
            // It is about one market, of which the listener knows now.
            (Some((channel, false)), None) if channel != StreamChannel::Books && is_of_one_market => {}
            (Some((channel, _)), _) => self.handle_missed_messages(now, channel),
            (None, _) => self.handle_missed_messages(now, StreamChannel::Books),
        }
    }

    fn handle_message(&mut self, now: Duration, message: Message) {
        let Message { sid, seq, frame, .. } = message;
        // The first message of a subscription names it, and is not counted by it.
        if let Frame::Subscribed { id, channel, sid } = &frame {
            self.handle_subscribed(now, *id, channel, *sid);
        }
        let found = self.subscriptions.iter_mut().find(|one| sid.is_some() && one.active_sid() == sid);
        if let Some((found, seq)) = found.zip(seq) {
            match found.guard.check_sequence(seq) {
                SequenceCheck::Next => {}
                SequenceCheck::Again => return,
                SequenceCheck::Gap => {
                    let channel = found.channel;
                    self.release_held_changes();
                    self.handle_missed_messages(now, channel);
                }
            }
        }
        self.doubts.note_time(frame.exchange_time());
        match frame {
            Frame::Book(book) => self.take_book(now, sid, &book),
            frame => {
                if self.held.is_other(frame.exchange_time(), None) {
                    self.release_held_changes();
                }
                // Told before what follows from it.
                self.held.hold_frame(frame.clone());
                if let Frame::Ticker(ticker) = &frame
                    && let Some(id) = self.books.find_book_id(&ticker.ticker)
                {
                    self.doubts.note_ticker(id, ticker);
                    self.held.hold_book_change(id, None, Some(ticker.at));
                }
                self.update_subscriptions(now, sid, &frame);
            }
        }
    }

    /// What a message means for the subscriptions.
    fn update_subscriptions(&mut self, now: Duration, sid: Option<u64>, frame: &Frame) {
        match frame {
            Frame::Ok { id: Some(id) } => {
                self.commands.remove(id);
            }
            Frame::Unsubscribed { id } => {
                let asked = id.and_then(|id| self.commands.remove(&id)).map(|command| command.channel);
                let ended = self.subscriptions.iter().find(|one| sid.is_some() && one.active_sid() == sid);
                if let Some(channel) = asked {
                    self.reset_subscription(channel, now);
                } else if let Some(channel) = ended.map(|one| one.channel) {
                    self.handle_subscription_end(now, channel);
                }
            }
            Frame::Error(refusal) => self.handle_refusal(now, sid, refusal),
            Frame::SandboxClock(_) => {
                self.advance = None;
                self.release_held_changes();
            }
            _ => {}
        }
    }

    fn take_book(&mut self, now: Duration, sid: Option<u64>, frame: &BookFrame) {
        // Of a subscription that ended: its last messages may still be on their way.
        if self.subscription_mut(StreamChannel::Books).active_sid() != sid {
            return;
        }
        let Some(id) = self.books.find_book_id(frame.ticker()) else { return };
        if self.held.is_other(frame.exchange_time(), Some((id, frame.market_clock()))) {
            self.release_held_changes();
        }
        self.doubts.note_change(id, frame.exchange_time());
        match self.books.apply_frame(frame) {
            Some((id, Applied::Changed)) => {
                self.held.hold_book_change(id, frame.market_clock(), frame.exchange_time());
            }
            Some((id, Applied::Stale)) => {
                if self.held.was_told(id) {
                    self.release_held_changes();
                    self.say_stale(id);
                    self.ask_for_snapshots(now, [id]);
                }
            }
            Some((_, Applied::Unchanged)) | None => {}
        }
    }

    fn handle_subscribed(&mut self, now: Duration, id: u64, channel: &str, sid: u64) {
        let awaited = self.commands.remove(&id).filter(|command| command.channel.name() == channel);
        let Some(command) = awaited else { return };
        let found = self.subscription_mut(command.channel);
        found.phase = SubscriptionPhase::On { sid, since: now };
        found.guard = SequenceGuard::default();
        if std::mem::take(&mut found.broken) && command.channel != StreamChannel::Books {
            self.release_held_changes();
            self.queue_event(StreamEvent::Missed { channel: command.channel });
        }
    }

    fn handle_refusal(&mut self, now: Duration, sid: Option<u64>, refusal: &Refusal) {
        let command = refusal.id.and_then(|id| self.commands.remove(&id));
        if ENDS_SUBSCRIPTION.contains(&refusal.code) {
            let by_sid = self.subscriptions.iter().find(|one| sid.is_some() && one.active_sid() == sid);
            let channel = by_sid.map(|one| one.channel).or(command.as_ref().map(|command| command.channel));
            return match channel {
                Some(channel) => self.handle_subscription_end(now, channel),
                // Of a subscription that ended before.
                None if sid.is_some() => {}
                None => self.handle_disconnected(now, &format!("a subscription ended: {}", refusal.message)),
            };
        }
        let Some(StreamCommand { channel, purpose, mut tickers, .. }) = command else { return };
        if let CommandPurpose::Leave = purpose {
            return self.reset_subscription(channel, now);
        }
        // Markets that the exchange names are let go; without them the command may well be carried out.
        tickers.retain(|ticker| !refusal.tickers.contains(ticker));
        self.wanted.retain(|ticker| !refusal.tickers.contains(ticker));
        for one in &mut self.subscriptions {
            one.todo.retain(|ticker| !refusal.tickers.contains(ticker));
        }
        let failures = self.subscription_mut(channel).failures;
        let pause =
            if refusal.tickers.is_empty() { self.backoff.retry_delay(failures) } else { Duration::ZERO };
        let found = self.subscription_mut(channel);
        found.failures += 1;
        found.not_before = now + pause;
        found.todo.extend(tickers);
        if let CommandPurpose::Subscribe = purpose {
            found.phase = SubscriptionPhase::Off;
        }
    }

    /// A subscription is gone by itself: it is made anew, after a pause that grows if it happens again.
    fn handle_subscription_end(&mut self, now: Duration, channel: StreamChannel) {
        let healthy = self.settings.healthy;
        let found = self.subscription_mut(channel);
        if let SubscriptionPhase::On { since, .. } = found.phase
            && now.saturating_sub(since) >= healthy
        {
            found.failures = 0;
        }
        let failures = found.failures;
        found.failures += 1;
        found.broken = true;
        let pause = self.backoff.retry_delay(failures);
        self.reset_subscription(channel, now + pause);
    }

    /// There is no subscription any more; all its markets are to be asked for again.
    fn reset_subscription(&mut self, channel: StreamChannel, not_before: Duration) {
        let wanted = if channel.by_market() { self.wanted.iter().cloned().collect() } else { Vec::new() };
        let found = self.subscription_mut(channel);
        found.phase = SubscriptionPhase::Off;
        found.not_before = not_before;
        found.todo = wanted;
        self.commands.retain(|_, command| command.channel != channel);
        if channel == StreamChannel::Tickers {
            self.doubts.forget_tickers();
        }
        if channel == StreamChannel::Books {
            self.release_held_changes();
            self.recovery = None;
            for id in self.books.reset_books() {
                self.say_stale(id);
            }
        }
    }

    /// Messages of a channel are missing.
    fn handle_missed_messages(&mut self, now: Duration, channel: StreamChannel) {
        if channel != StreamChannel::Books {
            if channel == StreamChannel::Tickers {
                self.doubts.forget_tickers();
            }
            return self.queue_event(StreamEvent::Missed { channel });
        }
        let lost = self.books.lose_all();
        for id in &lost {
            self.say_stale(*id);
        }
        self.ask_for_snapshots(now, lost);
    }

    fn ask_for_snapshots(&mut self, now: Duration, lost: impl IntoIterator<Item = BookId>) {
        if self.subscription_mut(StreamChannel::Books).active_sid().is_none() {
            return;
        }
        let not_before = now.max(self.last_recovery + self.settings.between_snapshots);
        let recovery =
            self.recovery.get_or_insert(Recovery { lost: BTreeSet::new(), asked: None, not_before });
        recovery.lost.extend(lost);
        recovery.asked = None;
        recovery.not_before = not_before;
    }

    /// When the patience with snapshots that were asked for ends; `None` once all are there.
    fn snapshots_due(&self) -> Option<Duration> {
        let recovery = self.recovery.as_ref()?;
        let waiting = recovery.lost.iter().any(|id| self.books.live_book(*id).is_none());
        recovery.asked.filter(|_| waiting).map(|asked| asked + self.settings.snapshot)
    }

    fn leave_books(&mut self, now: Duration) {
        let found = self.subscription_mut(StreamChannel::Books);
        let Some(sid) = found.active_sid() else { return };
        found.phase = SubscriptionPhase::Leaving;
        let id = self.register_command(now, StreamChannel::Books, CommandPurpose::Leave, Vec::new());
        self.queue_send(subscription::unsubscribe_command(id, sid));
    }

    /// Sends whatever can be sent now.
    fn send_pending_commands(&mut self, now: Duration) {
        if self.connected.is_none() {
            return;
        }
        self.drop_books_unlike_tickers(now);
        let dropped = self.doubts.take_books_to_ask();
        if !dropped.is_empty() {
            self.ask_for_snapshots(now, dropped);
        }
        for channel in StreamChannel::ALL {
            self.send_subscribe_commands(now, channel);
        }
        self.send_snapshot_requests(now);
        let vital = |one: &&ChannelSubscription| one.channel.is_vital();
        let open = |one: &ChannelSubscription| {
            one.active_sid().is_some() && one.todo.is_empty() || self.is_idle(one)
        };
        if !self.up && self.commands.is_empty() && self.subscriptions.iter().filter(vital).all(open) {
            self.up = true;
            self.release_held_changes();
            self.queue_event(StreamEvent::Up);
        }
        // The clock of the stand-in stands still until everything is subscribed.
        if let Some(advance) = self.advance.filter(|advance| !advance.sent && self.commands.is_empty()) {
            self.advance = Some(PendingAdvance { sent: true, ..advance });
            self.last_id += 1;
            self.queue_send(subscription::advance_command(self.last_id, advance.until_ts_ms));
        }
    }

    /// Whether there is nothing to subscribe to.
    fn is_idle(&self, one: &ChannelSubscription) -> bool {
        one.channel.by_market() && self.wanted.is_empty()
    }

    fn send_subscribe_commands(&mut self, now: Duration, channel: StreamChannel) {
        let chunk = self.settings.chunk.max(1);
        loop {
            let found = self.subscription_mut(channel);
            if !found.has_to_ask() || now < found.not_before {
                return;
            }
            let rest = found.todo.split_off(found.todo.len().min(chunk));
            let tickers = std::mem::replace(&mut found.todo, rest);
            if let Some(sid) = found.active_sid() {
                let id = self.register_command(now, channel, CommandPurpose::Add, tickers.clone());
                self.queue_send(subscription::update_command(id, sid, "add_markets", &tickers));
            } else {
                found.phase = SubscriptionPhase::Asked;
                let id = self.register_command(now, channel, CommandPurpose::Subscribe, tickers.clone());
                self.queue_send(subscription::subscribe_command(id, channel, &tickers));
            }
        }
    }

    fn send_snapshot_requests(&mut self, now: Duration) {
        let Some(sid) = self.subscription_mut(StreamChannel::Books).active_sid() else { return };
        let Some(recovery) = &mut self.recovery else { return };
        if recovery.asked.is_some() || now < recovery.not_before {
            return;
        }
        recovery.asked = Some(now);
        self.last_recovery = now;
        // Also those that never came: their first snapshot may be what is missing.
        let todo = self.subscription_mut(StreamChannel::Books).todo.clone();
        let waiting: Vec<_> = self
            .books
            .waiting_tickers()
            .filter(|ticker| self.wanted.contains(*ticker) && !todo.contains(ticker))
            .cloned()
            .collect();
        for tickers in waiting.chunks(self.settings.chunk.max(1)) {
            self.last_id += 1;
            self.queue_send(subscription::update_command(self.last_id, sid, "get_snapshot", tickers));
        }
    }

    fn subscription_mut(&mut self, channel: StreamChannel) -> &mut ChannelSubscription {
        let found = self.subscriptions.iter_mut().find(|one| one.channel == channel);
        found.expect("there is one for each channel")
    }

    fn register_command(
        &mut self,
        now: Duration,
        channel: StreamChannel,
        purpose: CommandPurpose,
        tickers: Vec<Arc<str>>,
    ) -> u64 {
        self.last_id += 1;
        self.commands.insert(self.last_id, StreamCommand { channel, purpose, tickers, sent: now });
        self.last_id
    }

    fn queue_send(&mut self, text: String) {
        self.effects.push_back(Effect::Send(text));
    }

    fn queue_event(&mut self, event: StreamEvent) {
        self.effects.push_back(Effect::Tell(event));
    }

    fn release_held_changes(&mut self) {
        let Self { held, books, effects, doubts, heard, .. } = self;
        let crossed = held.release_held_changes(
            books,
            |id, top| doubts.may_tell(id, top, *heard),
            |event| effects.push_back(Effect::Tell(event)),
        );
        for id in crossed {
            let top = self.books.top(id).unwrap_or_default();
            let problem = self.doubts.count_crossing(id, &top);
            self.drop_book(id, Some(problem));
        }
    }

    fn drop_books_unlike_tickers(&mut self, now: Duration) {
        for id in self.doubts.take_overdue(now) {
            // One that waits for a snapshot anyway has no best prices.
            if let Some(top) = self.books.top(id) {
                self.drop_book(id, self.doubts.difference_problem(id, &top));
            }
        }
    }

    /// Drops a book that cannot be right; a problem is told if the market cannot be understood either.
    fn drop_book(&mut self, id: BookId, problem: Option<String>) {
        self.books.invalidate_book(id);
        self.say_stale(id);
        if let Some(problem) = problem {
            let (kind, ticker) = (Some("orderbook_delta".into()), Some(Arc::clone(self.books.ticker(id))));
            self.queue_event(StreamEvent::Unreadable(UnreadableMessage { kind, ticker, problem }));
        }
    }

    /// Says that a book cannot be relied on, if it was told.
    fn say_stale(&mut self, id: BookId) {
        if self.held.mark_book_stale(id) {
            let ticker = Arc::clone(self.books.ticker(id));
            self.queue_event(StreamEvent::Stale { ticker });
        }
    }
}
