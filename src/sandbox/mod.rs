//! A Kalshi-compatible exchange on 127.0.0.1: `sim` behind the REST and WebSocket of the exchange.
