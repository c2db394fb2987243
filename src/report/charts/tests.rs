//! Every chart with every kind of odd data.
