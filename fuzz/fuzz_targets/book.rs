//! Messages to two books, six bytes each: see `protogen::kalshi::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protogen::kalshi::fuzz::apply_book_messages(bytes));
