//! Faults on purpose, from a seed: what networks and exchanges do to a client sooner or later.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::domain::decimal::parse_scaled;
use crate::domain::{Fraction, Span};

/// How often what goes wrong; nothing by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Seed of the random generator that draws all faults.
    pub seed: u64,
    /// A request is carried out, and the connection closed without an answer.
    pub drop_ack: Fraction,
    /// A request is answered by 500, with or without being carried out.
    pub http_500: Fraction,
    /// The connection is closed before the request is carried out.
    pub reset: Fraction,
    /// A request is answered by 429.
    pub rate_limit: Fraction,
    /// A message's number is used up, but it is not sent.
    pub ws_gap: Fraction,
    /// A socket message is sent twice, both times with the same sequence number.
    pub duplicate: Fraction,
    /// A socket is closed instead of getting a message.
    pub ws_drop: Fraction,
    /// How long answers take: between these.
    pub latency: Option<(Span, Span)>,
    /// A market is odd: as the exchange's schemas allow, and as few clients have seen one. Also the chance that an
    /// answer with a list is.
    pub odd: Fraction,
    /// Lifecycle messages of markets that are not in the data, by minute of the exchange's clock.
    pub foreign: u32,
}

const KEYS: [&str; 11] = [
    "seed",
    "drop_ack",
    "http_500",
    "reset",
    "rate_limit",
    "ws_gap",
    "duplicate",
    "ws_drop",
    "latency",
    "odd",
    "foreign",
];

/// Most foreign messages by minute: one a millisecond.
const MOST_FOREIGN: u32 = 60_000;

impl Default for Faults {
    fn default() -> Self {
        let never = Fraction::ZERO;
        Self {
            seed: 0,
            drop_ack: never,
            http_500: never,
            reset: never,
            rate_limit: never,
            ws_gap: never,
            duplicate: never,
            ws_drop: never,
            latency: None,
            odd: never,
            foreign: 0,
        }
    }
}

impl Faults {
    /// Reads `seed=7,drop_ack=0.05,latency=50ms..2s,odd=0.01,foreign=1000/min`.
    ///
    /// # Errors
    /// Names the part that cannot be read, and for an unknown key the nearest known one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("fault `{part}`: write it as key=value"))?;
            let chance = || parse_probability(value).map_err(|why| format!("fault `{key}`: {why}"));
            match key {
                "seed" => {
                    faults.seed = value
                        .parse()
                        .map_err(|_| format!("fault `seed`: `{value}` is not a whole number"))?;
                }
                "drop_ack" => faults.drop_ack = chance()?,
                "http_500" => faults.http_500 = chance()?,
                "reset" => faults.reset = chance()?,
                "rate_limit" => faults.rate_limit = chance()?,
                "ws_gap" => faults.ws_gap = chance()?,
                "duplicate" => faults.duplicate = chance()?,
                "ws_drop" => faults.ws_drop = chance()?,
                "latency" => faults.latency = Some(parse_latency_range(value)?),
                "odd" => faults.odd = chance()?,
                "foreign" => faults.foreign = parse_foreign_rate(value)?,
                unknown => {
                    let distance = |known: &&&str| strsim::damerau_levenshtein(known, unknown);
                    let nearest = KEYS.iter().min_by_key(distance).unwrap_or(&"seed");
                    return Err(format!("fault `{unknown}` is not known; did you mean `{nearest}`?"));
                }
            }
        }
        Ok(faults)
    }
}

fn parse_probability(text: &str) -> Result<Fraction, String> {
    let ppm = u32::try_from(parse_scaled(text, 6).map_err(|error| error.to_string())?)
        .ok()
        .and_then(Fraction::from_ppm);
    ppm.ok_or_else(|| format!("`{text}` is not between 0 and 1"))
}

fn parse_foreign_rate(text: &str) -> Result<u32, String> {
    let rate = text.strip_suffix("/min").and_then(|number| number.parse().ok());
    let rate = rate.ok_or_else(|| format!("fault `foreign`: `{text}`: write it as 1000/min"))?;
    if rate > MOST_FOREIGN {
        return Err(format!("fault `foreign`: `{text}` is more than {MOST_FOREIGN}/min"));
    }
    Ok(rate)
}

fn parse_latency_range(text: &str) -> Result<(Span, Span), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let span = |text| Span::parse(text).map_err(|why| format!("fault `latency`: {why}"));
    let (least, most) = (span(least)?, span(most)?);
    if most < least {
        return Err(format!("fault `latency`: {most} is shorter than {least}; write the shorter one first"));
    }
    Ok((least, most))
}

/// What happens to one HTTP request, as drawn from the chances in `Faults`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    /// Not carried out, and the connection is closed without an answer.
    Reset,
    /// Not carried out, and answered by 429 as if tokens had run out.
    Limited,
    /// Not carried out, and answered by 500 `internal_server_error`.
    FailsBefore,
    /// Carried out, but answered by 500 `internal_server_error` as if it were not.
    FailsAfter,
    /// Carried out, but the connection is closed without an answer.
    Lost,
}

/// What happens to one socket message, as drawn from the chances in `Faults`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Once,
    Twice,
    /// Only for numbered messages; others go once.
    Never,
    /// Not sent: the socket is closed instead.
    Closed,
}

/// Draws the fate of requests and messages by `faults`, from a generator seeded with its seed.
#[derive(Debug)]
pub(super) struct Dice {
    faults: Faults,
    random: ChaCha8Rng,
}

impl Dice {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, random: ChaCha8Rng::seed_from_u64(faults.seed) }
    }

    fn draw_bool(&mut self, chance: Fraction) -> bool {
        chance != Fraction::ZERO && self.random.random_range(0..1_000_000) < chance.ppm()
    }

    pub(super) fn draw_request_fate(&mut self) -> (Fate, Duration) {
        let Faults { drop_ack, http_500, reset, rate_limit, latency, .. } = self.faults;
        let wait = latency.map_or(0, |(least, most)| self.random.random_range(least.nanos()..=most.nanos()));
        let fate = if self.draw_bool(reset) {
            Fate::Reset
        } else if self.draw_bool(rate_limit) {
            Fate::Limited
        } else if self.draw_bool(http_500) {
            if self.random.random_range(0..2) == 0 { Fate::FailsBefore } else { Fate::FailsAfter }
        } else if self.draw_bool(drop_ack) {
            Fate::Lost
        } else {
            Fate::Answered
        };
        (fate, Span::from_nanos(wait).unwrap_or_default().into())
    }

    pub(super) fn draw_message_delivery(&mut self) -> Delivery {
        let Faults { ws_gap, duplicate, ws_drop, .. } = self.faults;
        if self.draw_bool(ws_drop) {
            Delivery::Closed
        } else if self.draw_bool(ws_gap) {
            Delivery::Never
        } else if self.draw_bool(duplicate) {
            Delivery::Twice
        } else {
            Delivery::Once
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_says_what_is_wrong() {
        let faults = Faults::parse("seed=7, drop_ack=0.05,latency=50ms..2s").unwrap();
        assert_eq!((faults.seed, faults.drop_ack.ppm()), (7, 50_000));
        assert_eq!(faults.latency, Some((Span::MILLISECOND.times(50), Span::SECOND.times(2))));
        assert_eq!(Faults::parse("").unwrap(), Faults::default());
        let wrong = |text| Faults::parse(text).unwrap_err();
        assert_eq!(wrong("drop_akc=1"), "fault `drop_akc` is not known; did you mean `drop_ack`?");
        assert_eq!(wrong("reset=1.5"), "fault `reset`: `1.5` is not between 0 and 1");
        let faults = Faults::parse("odd=0.01,foreign=1000/min").unwrap();
        assert_eq!((faults.odd.ppm(), faults.foreign), (10_000, 1_000));
        assert_eq!(wrong("foriegn=1/min"), "fault `foriegn` is not known; did you mean `foreign`?");
        assert_eq!(wrong("foreign=1000"), "fault `foreign`: `1000`: write it as 1000/min");
        assert_eq!(wrong("foreign=60001/min"), "fault `foreign`: `60001/min` is more than 60000/min");
        assert_eq!(wrong("odd=2"), "fault `odd`: `2` is not between 0 and 1");
        assert!(wrong("latency=2s..1s").contains("shorter") && wrong("reset").contains("key=value"));
    }

    #[test]
    fn the_same_seed_throws_the_same_dice() {
        let faults = Faults::parse("seed=7,drop_ack=0.3,http_500=0.3,ws_gap=0.2,duplicate=0.2").unwrap();
        let throws = |seed| {
            let mut dice = Dice::new(Faults { seed, ..faults });
            (0..50).map(|_| (dice.draw_request_fate().0, dice.draw_message_delivery())).collect::<Vec<_>>()
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
        assert!(throws(7).iter().any(|(fate, _)| *fate == Fate::Lost));
    }
}
