//! What is said of input that cannot be used: exit code, message, nothing half done.
//!
//! Every case starts from a data set and a scenario that work, breaks exactly one thing, and runs the
//! program. The expected message is the whole of stderr; `[DIR]` stands for the folder of the case.

mod data;
mod facts;
mod good;
mod markets;
mod places;
mod scenario;
mod snapshots;
pub mod world;

use world::World;

/// Exit codes as the program documents them.
const USAGE: i32 = 2;
const DATA: i32 = 3;

/// What is broken: a name for people, how, and what the program says.
type Case = (&'static str, fn(&mut World), &'static str);

/// Runs every case and compares exit code, stderr, stdout and what is left on disk. All cases run, so that
/// one failure shows all differences.
#[track_caller]
fn refused(code: i32, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, break_it, expected) in cases {
        let mut world = World::new();
        break_it(&mut world);
        let outcome = world.run();
        let expected = format!("exit {code}, run folders []\nprotogen: {expected}\n");
        let found = format!("exit {}, run folders {:?}\n{}", outcome.code, world.runs(), outcome.stderr);
        if found != expected || !outcome.stdout.is_empty() {
            wrong.push(format!("── {name}\nexpected {expected}found {found}{}", outcome.stdout));
        }
    }
    assert!(wrong.is_empty(), "what the program says has changed:\n{}", wrong.join("\n"));
}
