//! What is compared: one log for either run, by kind of line and in order of time.

use protogen::domain::Timestamp;

/// Plain numbers everywhere: no overflow, no rounding, no type that the engine calculates with.
pub type N = i128;

/// One line of a run's log; prices in ten-thousandths, contracts in hundredths, money in millionths.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Verdict {
        strategy: usize,
        market: usize,
        verdict: String,
    },
    Order {
        strategy: usize,
        market: usize,
        side: usize,
        buy: bool,
        contracts: N,
        limit: N,
        reserve: N,
    },
    Fill {
        market: usize,
        side: usize,
        buy: bool,
        price: N,
        contracts: N,
        fee: N,
        taker: bool,
    },
    Done {
        market: usize,
        filled: N,
    },
    Trade {
        strategy: usize,
        market: usize,
        side: usize,
        opened: N,
        contracts: N,
        cost: N,
        proceeds: N,
        fees: N,
        pnl: N,
        reason: &'static str,
        belief: N,
        price: N,
    },
    /// The entry order of a market is asked back.
    AskedBack {
        market: usize,
    },
    Halt {
        strategy: Option<usize>,
        rule: &'static str,
    },
    State {
        cash: N,
        exposure: N,
        equity: N,
        peak: N,
        scale: N,
    },
}

const KINDS: [&str; 8] = ["verdict", "order", "fill", "done", "trade", "halt", "asked back", "state"];
const STATE: usize = 7;

/// What happened in a run, by kind and in order of time.
#[derive(Default)]
pub struct Log(pub [Vec<(N, Line)>; 8]);

impl Log {
    /// Writes down one line; of the states of one moment only the last counts.
    pub fn push(&mut self, at: N, line: Line) {
        let kind = match line {
            Line::Verdict { .. } => 0,
            Line::Order { .. } => 1,
            Line::Fill { .. } => 2,
            Line::Done { .. } => 3,
            Line::Trade { .. } => 4,
            Line::Halt { .. } => 5,
            Line::AskedBack { .. } => 6,
            Line::State { .. } => STATE,
        };
        let list = &mut self.0[kind];
        if kind == STATE && list.last().is_some_and(|last| last.0 == at) {
            list.pop(); // the state of a moment is the one after all its inputs
        }
        list.push((at, line));
    }

    /// All lines of one kind.
    pub fn of(&self, kind: &str) -> &[(N, Line)] {
        &self.0[KINDS.iter().position(|known| *known == kind).expect("a known kind")]
    }

    /// Verdicts of one scan may be logged in any order.
    pub fn sorted(mut self) -> Self {
        self.0[0].sort_by_key(|(at, line)| match line {
            Line::Verdict { strategy, market, .. } => (*at, *market, *strategy),
            _ => (*at, 0, 0),
        });
        self
    }

    /// The earliest line that differs.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let earliest = (0..KINDS.len()).filter_map(|kind| {
            let (ours, theirs) = (&self.0[kind], &other.0[kind]);
            let index = (0..ours.len().max(theirs.len())).find(|&i| ours.get(i) != theirs.get(i))?;
            let at = ours.get(index).into_iter().chain(theirs.get(index)).map(|line| line.0).min()?;
            Some((at, kind, index))
        });
        let (at, kind, index) = earliest.min()?;
        let name = KINDS[kind];
        let show = |log: &Self| log.0[kind].get(index).map_or("nothing".into(), |line| format!("{line:?}"));
        let time = Timestamp::from_nanos(at as i64);
        Some(format!("{time} {name} #{index}\n  engine: {}\n  oracle: {}", show(self), show(other)))
    }
}
