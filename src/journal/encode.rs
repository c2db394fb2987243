//! The canonical line of a record.
//!
//! Evaluations are by far the most numerous, so they are fixed-width decimal text: a page of them goes
//! into SQLite as one value and a view takes it apart again. Everything else is one line of JSON.
//!
//! | field | at | width | |
//! |---|---|---|---|
//! | time | 0 | 19 | nanoseconds since 1970 |
//! | market | 19 | 8 | |
//! | probability | 27 | 7 | parts per million |
//! | bid, ask | 34, 39 | 5 | ten-thousandths of a dollar; 99999 = none |
//! | twice the mid | 44 | 5 | ten-thousandths of a dollar; 99999 = none |
//! | assumed | 49 | 1 | 1 = bid and ask are an assumption |
//! | net edge | 50 | 7 | parts per million of a dollar, plus 2 000 000; 9999999 = none |
//! | verdict | 57 | 2 | see [`verdict_code`] |
//! | basis | 59 | 6 | who believes it and why; a row of the table `basis` |

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::desk::decision::{Evaluation, Record, Verdict};
use crate::desk::risk::Refusal;
use crate::domain::{Fraction, Price, Probability, StrategyId, Timestamp};

/// Bytes of an evaluation's line, the same for every evaluation.
pub const EVALUATION_WIDTH: usize = 65;
/// Added to a net edge to make it positive.
pub const EDGE_OFFSET: i64 = 2_000_000;
/// First code of a refusal; the refusal's place in the gate order is added.
pub const FIRST_REFUSAL: u8 = 10;

/// Bytes hashed at once: sixteen of BLAKE3's chunks, as many as the widest vectors take.
const HASHED_AT_ONCE: usize = 16_384;
const NONE_PRICE: u64 = 99_999;
const NONE_EDGE: u64 = 9_999_999;

/// The number of a verdict in an evaluation's line.
#[must_use]
pub const fn verdict_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NoOpportunity => 0,
        Verdict::Ordered(_) => 1,
        Verdict::Exited(_) => 2,
        Verdict::Refused(refusal) => FIRST_REFUSAL + refusal as u8,
    }
}

/// All verdicts with their codes and names.
pub fn verdict_names() -> impl Iterator<Item = (u8, &'static str)> {
    let others = [(0, "no_opportunity"), (1, "ordered"), (2, "exited")];
    let refusals = Refusal::ALL.into_iter().map(|refusal| (FIRST_REFUSAL + refusal as u8, refusal.name()));
    others.into_iter().chain(refusals)
}

/// Who believes something, how firmly, and why. Many evaluations share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EstimateBasis {
    /// The strategy that holds the belief, by its place in the scenario.
    pub strategy: StrategyId,
    /// Share of the Kelly stake that the belief deserves, 0 to 1.
    pub confidence: Fraction,
    /// Why the strategy believes it, in its own words for the log.
    pub reason: Arc<str>,
}

/// Where the words of a basis are, and what else tells it from others.
type Address = (usize, StrategyId, Fraction);

/// The canonical line of a record, as it is hashed and written to the ledger.
#[derive(Debug)]
pub enum CanonicalLine<'a> {
    /// The line of an evaluation: decimal digits in fields of fixed width.
    Evaluation(&'a [u8; EVALUATION_WIDTH]),
    /// The line of any other record: one JSON object.
    Other(&'a str),
}

/// Turns records into lines and numbers their bases.
#[derive(Debug)]
pub struct Encoder {
    bases: HashMap<EstimateBasis, u32>,
    /// The same by address of the reason, since strategies share their words between evaluations.
    by_address: HashMap<Address, (u32, Arc<str>)>,
    /// The one asked for last, as the next is often the same.
    last: Option<(Address, u32)>,
    evaluation: [u8; EVALUATION_WIDTH],
    /// Moment whose digits are in `evaluation` already.
    written: Option<Timestamp>,
    other: String,
    hasher: blake3::Hasher,
    /// Lines that are not hashed yet: many at once are hashed several times faster than each alone.
    unhashed: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            bases: HashMap::new(),
            by_address: HashMap::new(),
            last: None,
            evaluation: [b'0'; EVALUATION_WIDTH],
            written: None,
            other: String::new(),
            hasher: blake3::Hasher::new(),
            unhashed: Vec::new(),
        }
    }
}

impl Encoder {
    /// The line of a record, added to the digest. A basis seen for the first time is handed to `new_basis`.
    ///
    /// # Errors
    /// What `new_basis` reports.
    pub fn encode_record<E>(
        &mut self,
        record: &Record,
        mut new_basis: impl FnMut(u32, &EstimateBasis) -> Result<(), E>,
    ) -> Result<CanonicalLine<'_>, E> {
        if let Record::Evaluation(evaluation) = record {
            let basis = self.basis_number(evaluation, &mut new_basis)?;
            self.put_evaluation(evaluation, basis);
            self.unhashed.extend_from_slice(&self.evaluation);
            self.hash_many();
            return Ok(CanonicalLine::Evaluation(&self.evaluation));
        }
        self.other = json_line(record);
        self.unhashed.extend_from_slice(self.other.as_bytes());
        self.hash_many();
        Ok(CanonicalLine::Other(&self.other))
    }

    fn hash_many(&mut self) {
        if self.unhashed.len() >= HASHED_AT_ONCE {
            self.hasher.update(&self.unhashed);
            self.unhashed.clear();
        }
    }

    /// Hash of all lines so far, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        self.hasher.clone().update(&self.unhashed).finalize().to_hex().to_string()
    }

    fn basis_number<E>(
        &mut self,
        evaluation: &Evaluation,
        new_basis: &mut impl FnMut(u32, &EstimateBasis) -> Result<(), E>,
    ) -> Result<u32, E> {
        let Evaluation { strategy, confidence, reason, .. } = evaluation;
        let address = (reason.as_ptr() as usize, *strategy, *confidence);
        if let Some((_, basis)) = self.last.filter(|(known, _)| *known == address) {
            return Ok(basis);
        }
        if let Some((basis, _)) = self.by_address.get(&address) {
            self.last = Some((address, *basis));
            return Ok(*basis);
        }
        let basis =
            EstimateBasis { strategy: *strategy, confidence: *confidence, reason: Arc::clone(reason) };
        let number = if let Some(&number) = self.bases.get(&basis) {
            number
        } else {
            let number = u32::try_from(self.bases.len()).unwrap_or(u32::MAX);
            new_basis(number, &basis)?;
            self.bases.insert(basis, number);
            number
        };
        // The words are kept alive, so that their address cannot come to mean others.
        self.by_address.insert(address, (number, Arc::clone(reason)));
        Ok(number)
    }

    fn put_evaluation(&mut self, evaluation: &Evaluation, basis: u32) {
        let line = &mut self.evaluation;
        if self.written != Some(evaluation.at) {
            self.written = Some(evaluation.at);
            write_zero_padded(&mut line[0..19], u64::try_from(evaluation.at.nanos()).unwrap_or(0));
        }
        let price = |price: Option<Price>| price.map_or(NONE_PRICE, |price| u64::from(price.get()));
        write_zero_padded(&mut line[19..27], u64::from(evaluation.market.0));
        write_zero_padded(&mut line[27..34], u64::from(evaluation.probability.ppm()));
        write_zero_padded(&mut line[34..39], price(evaluation.bid));
        write_zero_padded(&mut line[39..44], price(evaluation.ask));
        write_zero_padded(&mut line[44..49], evaluation.twice_mid.map_or(NONE_PRICE, u64::from));
        line[49] = b'0' + u8::from(evaluation.assumed);
        let edge = evaluation.net_edge_ppm.and_then(|edge| u64::try_from(edge + EDGE_OFFSET).ok());
        write_zero_padded(&mut line[50..57], edge.unwrap_or(NONE_EDGE));
        write_zero_padded(&mut line[57..59], u64::from(verdict_code(evaluation.verdict)));
        write_zero_padded(&mut line[59..65], u64::from(basis));
    }
}

/// An evaluation as it is in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedEvaluation {
    /// When the market was evaluated, in nanoseconds UTC.
    pub at: Timestamp,
    /// Index of the market in the list of the ledger's markets.
    pub market: usize,
    /// Probability that the market pays YES, as the strategy believed.
    pub probability: Probability,
    /// The market's own probability then: its mid.
    pub market_probability: Option<Probability>,
    /// Whether bid and ask were assumed around a midpoint.
    pub assumed: bool,
    /// Net edge of the better side in parts per million of a dollar; `None` if no side could be bought.
    pub net_edge_ppm: Option<i64>,
    /// What followed from the evaluation, as a code of [`verdict_code`].
    pub verdict: u8,
    /// Who believes it and why, by its number.
    pub basis: usize,
}

/// Reads an evaluation's line; `None` if it is none.
#[must_use]
pub fn decode_evaluation(line: &[u8]) -> Option<RecordedEvaluation> {
    let line: &[u8; EVALUATION_WIDTH] = line.try_into().ok()?;
    let field = |from: usize, to: usize| {
        line[from..to].iter().try_fold(0i64, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
        })
    };
    let twice_mid = u32::try_from(field(44, 49)?).ok()?;
    let net_edge = field(50, 57)?;
    Some(RecordedEvaluation {
        at: Timestamp::from_nanos(field(0, 19)?),
        market: usize::try_from(field(19, 27)?).ok()?,
        probability: Probability::from_ppm(u32::try_from(field(27, 34)?).ok()?)?,
        market_probability: Probability::from_ppm(twice_mid * 50),
        assumed: field(49, 50)? == 1,
        net_edge_ppm: (net_edge != NONE_EDGE.cast_signed()).then_some(net_edge - EDGE_OFFSET),
        verdict: u8::try_from(field(57, 59)?).ok()?,
        basis: usize::try_from(field(59, 65)?).ok()?,
    })
}

/// Writes a number in decimal, filled with zeros, two digits at a time.
fn write_zero_padded(field: &mut [u8], mut value: u64) {
    let mut end = field.len();
    while end >= 2 {
        let pair = value % 100;
        value /= 100;
        field[end - 1] = b'0' + (pair % 10) as u8;
        field[end - 2] = b'0' + (pair / 10) as u8;
        end -= 2;
    }
    if end == 1 {
        field[0] = b'0' + (value % 10) as u8;
    }
}

/// The JSON line of a record that is not an evaluation.
fn json_line(record: &Record) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Other<'a> {
        Order(&'a crate::desk::decision::OrderPlaced),
        OrderDone(&'a crate::desk::decision::OrderDone),
        Fill(&'a crate::desk::decision::FillBooked),
        Trade(&'a crate::desk::decision::Trade),
        Settled(&'a crate::desk::decision::Settled),
        Halt(&'a crate::desk::decision::Halt),
        Resume(&'a crate::desk::decision::Resume),
        Refit(&'a crate::desk::decision::Refitted),
        Discrepancy(&'a crate::desk::decision::Discrepancy),
        SetAside(&'a crate::desk::decision::MarketSetAside),
        SetAsideCleared(&'a crate::desk::decision::SetAsideCleared),
        Equity(&'a crate::desk::decision::EquityPoint),
    }
    let other = match record {
        Record::Evaluation(_) => unreachable!("evaluations have their own line"),
        Record::Order(order) => Other::Order(order),
        Record::OrderDone(done) => Other::OrderDone(done),
        Record::Fill(fill) => Other::Fill(fill),
        Record::Trade(trade) => Other::Trade(trade),
        Record::Settled(settled) => Other::Settled(settled),
        Record::Halt(halt) => Other::Halt(halt),
        Record::Resume(resume) => Other::Resume(resume),
        Record::Refit(reconfigure) => Other::Refit(reconfigure),
        Record::Discrepancy(discrepancy) => Other::Discrepancy(discrepancy),
        Record::SetAside(market) => Other::SetAside(market),
        Record::SetAsideCleared(cleared) => Other::SetAsideCleared(cleared),
        Record::Equity(equity) => Other::Equity(equity),
    };
    serde_json::to_string(&other).expect("records are plain data")
}

#[cfg(test)]
mod tests {
    use crate::domain::MarketId;

    use super::*;

    fn evaluation() -> Evaluation {
        Evaluation {
            at: Timestamp::from_nanos(1_700_000_000_000_000_000),
            strategy: StrategyId(1),
            market: MarketId(42),
            probability: Probability::from_ppm(250_000).unwrap(),
            confidence: Fraction::ONE,
            bid: Price::new(4_400),
            ask: None,
            twice_mid: None,
            assumed: true,
            net_edge_ppm: Some(-227_388),
            verdict: Verdict::Refused(Refusal::MarketCap),
            reason: "because".into(),
        }
    }

    #[test]
    fn an_evaluation_is_65_digits() {
        let mut encoder = Encoder::default();
        let record = Record::Evaluation(evaluation());
        let line = match encoder.encode_record(&record, |_, _| Ok::<_, ()>(())).unwrap() {
            CanonicalLine::Evaluation(line) => String::from_utf8(line.to_vec()).unwrap(),
            CanonicalLine::Other(_) => unreachable!(),
        };
        // time, market, probability, bid, no ask, no mid, assumed, −227388 + 2000000, 10 + 14, basis 0
        let by_hand = [
            "1700000000000000000",
            "00000042",
            "0250000",
            "04400",
            "99999",
            "99999",
            "1",
            "1772612",
            "24",
            "000000",
        ];
        assert_eq!(line, by_hand.concat());
        let read = decode_evaluation(line.as_bytes()).unwrap();
        let expected = evaluation();
        assert_eq!((read.at, read.market, read.basis), (expected.at, 42, 0));
        assert_eq!((read.probability, read.market_probability), (expected.probability, None));
        assert_eq!((read.assumed, read.net_edge_ppm), (true, expected.net_edge_ppm));
        assert_eq!(read.verdict, verdict_code(expected.verdict));
        assert_eq!(decode_evaluation(&line.as_bytes()[1..]), None, "too short");
        assert_eq!(decode_evaluation(line.replace('4', "x").as_bytes()), None, "not all digits");
    }

    #[test]
    fn a_basis_is_numbered_by_its_content() {
        let mut encoder = Encoder::default();
        let mut seen = Vec::new();
        for reason in ["because", "because", "why not"] {
            // a new allocation every time
            let record = Record::Evaluation(Evaluation { reason: reason.into(), ..evaluation() });
            let _line = encoder.encode_record(&record, |number, basis| {
                seen.push((number, basis.reason.to_string()));
                Ok::<_, ()>(())
            });
        }
        assert_eq!(seen, [(0, "because".to_owned()), (1, "why not".to_owned())]);
    }

    #[test]
    fn every_verdict_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = verdict_names().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), 3 + Refusal::ALL.len());
        assert!(codes.into_iter().all(|code| code < 100));
    }
}
