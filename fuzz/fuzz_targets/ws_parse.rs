//! Messages of the WebSocket, one a line: see `protogen::kalshi::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protogen::kalshi::fuzz::ws_parse(bytes));
