//! Logs of a live run: to stderr, or into a file where the terminal shows something else; for people or as JSON, our own by `-q` and `-v`, those of the libraries
//! beneath only when something is wrong with them.

use std::fs::File;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Lines of text for people, coloured on request.
    #[default]
    Human,
    /// One JSON object a line, for programs that read logs.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Warnings and errors only, protogen's own and those of the libraries.
    Quiet,
    /// Adds what an owner wants to know, protogen's `info`.
    #[default]
    Normal,
    /// Adds what someone who looks for a fault wants to know, protogen's `debug`.
    Verbose,
}

/// Sets up logging for this process, to stderr or into a file; `color` is for people at a terminal only.
///
/// # Errors
/// When it was set up before.
pub fn start_logging(
    style: Style,
    level: Level,
    color: bool,
    file: Option<File>,
) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(log_filter(level));
    let writer = match file {
        Some(file) => BoxMakeWriter::new(Mutex::new(file)),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match style {
        Style::Human => registry.with(layer.with_target(false).with_ansi(color)).try_init(),
        Style::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    }
}

fn log_filter(level: Level) -> EnvFilter {
    let ours = match level {
        Level::Quiet => "warn",
        Level::Normal => "info",
        Level::Verbose => "debug",
    };
    EnvFilter::new(format!("warn,protogen={ours}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).json();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(log_filter(level)).with(layer),
            || {
                tracing::warn!("ours-warn");
                tracing::info!("ours-info");
                tracing::debug!("ours-debug");
                tracing::info!(target: "hyper::client", "theirs-info");
                tracing::warn!(target: "rustls", "theirs-warn");
            },
        );
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_are_heard_only_when_something_is_wrong() {
        let has = |text: &str| {
            ["ours-warn", "ours-info", "ours-debug", "theirs-info", "theirs-warn"]
                .map(|line| text.contains(line))
        };
        assert_eq!(has(&logged(Level::Quiet)), [true, false, false, false, true]);
        assert_eq!(has(&logged(Level::Normal)), [true, true, false, false, true]);
        assert_eq!(has(&logged(Level::Verbose)), [true, true, true, false, true]);
    }
}
