//! The page holds together and lets nothing through that a market's title may contain.
