//! What stands between a desk and a sandbox: notes every request, and may change what is answered.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::live::Sandbox;

/// Changes bytes on their way from the exchange, in place.
type Lie = dyn FnMut(&mut [u8]) + Send;

/// A desk's way to a sandbox.
pub struct Tap {
    pub port: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tap {
    /// Changes nothing.
    pub fn before(sandbox: &Sandbox) -> Self {
        Self::lying(sandbox, |_| ())
    }

    /// Shows every piece of an answer or of the stream to `lie`.
    pub fn lying(sandbox: &Sandbox, lie: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let to: u16 = sandbox.port.parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let lie: Arc<Mutex<Lie>> = Arc::new(Mutex::new(lie));
        std::thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).unwrap();
                let (answers, answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (noted, lie) = (Arc::clone(&noted), Arc::clone(&lie));
                std::thread::spawn(move || pass(client, server, |bytes| note_requests(bytes, &noted)));
                std::thread::spawn(move || pass(answers, answered, |bytes| lie.lock().unwrap()(bytes)));
            }
        });
        Self { port, asked }
    }

    pub fn count(&self, beginning: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&mut [u8])) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count) = from.read(&mut bytes)
        && count > 0
    {
        see(&mut bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}

/// A request's head comes in one piece: it is written at once, and is small.
fn note_requests(bytes: &[u8], noted: &Mutex<Vec<String>>) {
    let text = String::from_utf8_lossy(bytes);
    let heads = text.lines().filter(|line| line.ends_with(" HTTP/1.1"));
    noted.lock().unwrap().extend(heads.map(ToOwned::to_owned));
}

/// Changes the number that stands as a string behind `key` (`"fee_cost":"0.017500"`), everywhere in `bytes`. The
/// other one is written with as many characters: lengths were announced. Returns how many were changed.
pub fn change_number(bytes: &mut [u8], key: &str, other: impl Fn(f64) -> Option<f64>) -> usize {
    let key = format!("\"{key}\":\"");
    let (mut changed, mut from) = (0, 0);
    while let Some(at) = bytes[from..].windows(key.len()).position(|part| part == key.as_bytes()) {
        let start = from + at + key.len();
        let Some(length) = bytes[start..].iter().position(|&byte| byte == b'"') else { break };
        from = start + length;
        let number = std::str::from_utf8(&bytes[start..from]).unwrap().parse().unwrap();
        if let Some(other) = other(number) {
            let text = format!("{other:.6}");
            bytes[start..from].copy_from_slice(&text.as_bytes()[..length]);
            changed += 1;
        }
    }
    changed
}
