//! Work on several threads with the outcome it has on one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

/// Works through items, each thread with a state of its own that `start` makes from the thread's number, and
/// returns the states, and the results in the order of the items. `watch` is told each result as it comes.
///
/// # Errors
/// That of the first item, in their order, that cannot be done; items behind it may have been done or not.
pub fn work_through<I, S: Send, T: Send, E: Send>(
    threads: usize,
    items: impl Iterator<Item = I> + Send,
    start: impl Fn(usize) -> S + Sync,
    work: impl Fn(&mut S, I) -> Result<T, E> + Sync,
    mut watch: impl FnMut(&T),
) -> Result<(Vec<S>, Vec<T>), E> {
    // Items are handed out in order: when one fails, all before it are done or under way.
    let items = Mutex::new(items.enumerate());
    let failed = AtomicBool::new(false);
    let next = || items.lock().expect("no thread panics while it takes an item").next();
    let (sender, results) = channel();
    thread::scope(|scope| {
        let threads = (0..threads.max(1)).map(|number| {
            let (sender, next, start, work, failed) = (sender.clone(), &next, &start, &work, &failed);
            scope.spawn(move || {
                let mut state = start(number);
                while !failed.load(Ordering::Relaxed)
                    && let Some((place, item)) = next()
                {
                    let result = work(&mut state, item);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    sender.send((place, result)).expect("results are taken until all threads have ended");
                }
                state
            })
        });
        let threads: Vec<_> = threads.collect();
        drop(sender);
        let told = results.iter().inspect(|(_, result)| result.iter().for_each(&mut watch));
        let in_order: BTreeMap<usize, Result<T, E>> = told.collect();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(state) => state,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let states = ended.collect();
        Ok((states, in_order.into_values().collect::<Result<_, _>>()?))
    })
}
