//! Answers of the REST API: see `protogen::kalshi::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protogen::kalshi::fuzz::rest_parse(bytes));
