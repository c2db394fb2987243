//! The client against a small exchange on this machine that misbehaves on purpose.
