//! Which exchange is talked to, and the proof that nothing else is: a key that trades real money must
//! not travel to a host that a typo, a redirect or a setting named.

use std::fmt;

/// One of the three exchanges there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// The exchange's own test system, with money that is not real.
    Demo,
    /// The exchange itself, where orders cost real money.
    Prod,
    /// A stand-in for the exchange on this machine.
    Sandbox {
        /// TCP port at which it listens on 127.0.0.1.
        port: u16,
    },
}

/// What every path of the REST API begins with. It is part of what is signed.
pub const REST_PREFIX: &str = "/trade-api/v2";
/// The path of the WebSocket, which is what is signed for it.
pub const WS_PATH: &str = "/trade-api/ws/v2";

/// The only hosts a key may be shown to.
const HOSTS: [&str; 4] = [
    "external-api.kalshi.com",
    "external-api-ws.kalshi.com",
    "external-api.demo.kalshi.co",
    "external-api-ws.demo.kalshi.co",
];
const LOOPBACK: &str = "127.0.0.1";

impl Environment {
    /// Scheme and host of the REST API, without a path: `https://external-api.kalshi.com`.
    #[must_use]
    pub fn rest_origin(&self) -> String {
        match self {
            Self::Prod => "https://external-api.kalshi.com".into(),
            Self::Demo => "https://external-api.demo.kalshi.co".into(),
            Self::Sandbox { port } => format!("http://{LOOPBACK}:{port}"),
        }
    }

    /// Where the REST API begins: `https://external-api.kalshi.com/trade-api/v2`.
    #[must_use]
    pub fn rest_url(&self) -> String {
        self.rest_origin() + REST_PREFIX
    }

    /// Returns the address of the WebSocket: `wss://external-api-ws.kalshi.com/trade-api/ws/v2`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        let origin = match self {
            Self::Prod => "wss://external-api-ws.kalshi.com".into(),
            Self::Demo => "wss://external-api-ws.demo.kalshi.co".into(),
            Self::Sandbox { port } => format!("ws://{LOOPBACK}:{port}"),
        };
        origin + WS_PATH
    }

    /// Whether orders cost real money here.
    #[must_use]
    pub const fn is_real_money(&self) -> bool {
        matches!(self, Self::Prod)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demo => f.write_str("demo"),
            Self::Prod => f.write_str("prod"),
            Self::Sandbox { port } => write!(f, "sandbox on port {port}"),
        }
    }
}

/// Whether a request may go to this address: one of the exchange's hosts under TLS, or this machine.
///
/// # Errors
/// Names the host or the scheme that is not allowed.
pub fn check_url(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is not an address"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    match (scheme, host, port) {
        ("https" | "wss", _, None) if HOSTS.contains(&host) => Ok(()),
        ("http" | "ws", LOOPBACK, Some(port)) if port.parse::<u16>().is_ok() => Ok(()),
        ("http" | "ws", _, _) if HOSTS.contains(&host) => {
            Err(format!("`{scheme}` is not encrypted; {host} is only spoken to under TLS"))
        }
        _ => Err(format!("`{authority}` is not an address of the exchange; keys are shown to nobody else")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_may_be_spoken_to() {
        for environment in [Environment::Demo, Environment::Prod, Environment::Sandbox { port: 8080 }] {
            assert_eq!(check_url(&environment.rest_url()), Ok(()), "{environment}");
            assert_eq!(check_url(&environment.ws_url()), Ok(()), "{environment}");
        }
        assert_eq!(Environment::Prod.rest_url(), "https://external-api.kalshi.com/trade-api/v2");
        assert_eq!(Environment::Sandbox { port: 1 }.ws_url(), "ws://127.0.0.1:1/trade-api/ws/v2");
        assert!(Environment::Prod.is_real_money() && !Environment::Demo.is_real_money());
    }

    #[test]
    fn nobody_else_is_shown_a_key() {
        for url in [
            "http://external-api.kalshi.com/trade-api/v2",
            "https://external-api.kalshi.com.evil.example/trade-api/v2",
            "https://evil.example/external-api.kalshi.com",
            "https://external-api.kalshi.com@evil.example/",
            "https://external-api.kalshi.com:8443/",
            "https://127.0.0.1:1/",
            "http://127.0.0.1/",
            "http://127.0.0.1:80@evil.example/",
            "http://localhost:80/",
            "file:///etc/passwd",
            "external-api.kalshi.com",
        ] {
            assert!(check_url(url).is_err(), "{url} was allowed");
        }
    }
}
