//! How a request can fail, sorted by what the caller may conclude. For an order there are only three
//! cases that matter: it was certainly not placed, it was refused, or nobody knows.

/// Why a request brought nothing. The texts name the endpoint and never contain credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It never left: no connection, the breaker is open, or our own rate limit. Certainly nothing was
    /// done; it may be sent again.
    #[error("{0}; it was not sent and may be tried again")]
    NotSent(String),
    /// The exchange had too many requests of us. Certainly nothing was done; it may be sent again.
    #[error("{0}: the exchange's rate limit (429); nothing was done, try again later")]
    RateLimited(String),
    /// No answer, or none that can be read. A write may have been carried out: ask the exchange for the
    /// order by its client id before sending it again under another.
    #[error("{0}; the outcome is unknown: look up what the exchange has before repeating a write")]
    Unknown(String),
    /// The exchange answered with a 4xx status other than 408 and 429: certainly nothing was done.
    #[error("{endpoint}: refused with {status} `{code}`: {message}{}", details_text(details.as_deref()))]
    Refused {
        /// The request, for instance `POST /portfolio/events/orders`.
        endpoint: String,
        /// HTTP status of the answer: 4xx, but never 408 or 429.
        status: u16,
        /// The exchange's name of the reason; empty if it gave none.
        code: String,
        /// The reason in words, as the exchange puts it.
        message: String,
        /// JSON `details` of the answer, such as `post only cross`; `None` where it has none.
        details: Option<String>,
    },
    /// Refused with 401 while this machine's clock is certainly off, as requests are signed with the time: certainly
    /// nothing was done; it may be sent again once the clock is right.
    #[error("{endpoint}: refused with 401; {problem}")]
    ClockOff {
        /// Method and path of the request.
        endpoint: String,
        /// By how much the clock is off, and to which side, in words.
        problem: String,
    },
    /// The answer to a read is not as documented.
    #[error("{endpoint}: {problem}; compare with the exchange's changelog before trading on")]
    Schema {
        /// Method and path of the request, or what was read, for instance `GET /markets`.
        endpoint: String,
        /// The field and what is wrong with it.
        problem: String,
    },
}

fn details_text(details: Option<&str>) -> String {
    details.map_or_else(String::new, |details| format!(" ({details})"))
}

/// What the exchange calls a market that takes no orders; which name it uses when is not documented.
const NOT_TRADING: [&str; 5] =
    ["market_closed", "market_inactive", "market_already_closed", "trading_is_paused", "exchange_is_paused"];

impl ApiError {
    /// The exchange's name of the reason, if it refused.
    #[must_use]
    pub fn refusal_code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The HTTP status, if the exchange refused.
    #[must_use]
    pub const fn refusal_status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether an order with this client id was placed before: after an unknown outcome, the proof that
    /// it had arrived.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.refusal_code() == Some("order_already_exists")
    }

    /// Whether the market or the whole exchange is halted, paused or closed.
    #[must_use]
    pub fn market_not_trading(&self) -> bool {
        // Codes may come in capitals, or with an id behind them.
        let code = self.refusal_code().unwrap_or_default().to_ascii_lowercase();
        NOT_TRADING.iter().any(|name| code.starts_with(name))
    }

    /// Whether there is too little money for it.
    #[must_use]
    pub fn insufficient_balance(&self) -> bool {
        matches!(self.refusal_code(), Some("insufficient_balance" | "available_balance_too_low"))
    }

    /// Whether a post-only order would have traded at once.
    #[must_use]
    pub fn would_take(&self) -> bool {
        matches!(self, Self::Refused { details: Some(details), .. } if details.contains("post only cross"))
    }

    /// Whether the price is not on the market's grid.
    #[must_use]
    pub fn invalid_price(&self) -> bool {
        self.refusal_code() == Some("invalid_price")
    }

    /// Whether the exchange does not have it. For an order this does not tell filled from cancelled.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.refusal_status(), Some(404))
    }

    /// Whether the same request may be answered later: it was not sent, turned away, had no answer that can be
    /// read, or this machine's clock was off. Not where the exchange refused it, or is another than we know.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::RateLimited(_) | Self::Unknown(_) | Self::ClockOff { .. })
    }

    /// Whether this request cannot have done anything: it was not sent, turned away, or refused. An
    /// earlier one may have: that is what [`is_already_exists`](Self::is_already_exists) says.
    #[must_use]
    pub const fn certainly_not_done(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::RateLimited(_) | Self::Refused { .. } | Self::ClockOff { .. })
    }
}
