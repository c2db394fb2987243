//! One pass over the data with many lanes, on several threads.
//!
//! One thread decodes and sorts out what lanes need; every lane belongs to one worker, which steps it through
//! each batch in turn. No lane knows of another, so neither their number nor that of the threads matters.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::domain::Span;
use crate::engine::EngineError;
use crate::feed::HistoricalFeed;

use super::batch::{Batches, InputBatch};
use super::runner::{Lane, SeenState};

/// Batches a worker may lag behind: with what is being worked on, the batches in memory.
const AHEAD: usize = 2;
/// Markets × lanes of one pass: about a gigabyte of books.
const MOST_BOOKS: usize = 2_000_000;
/// Lanes of one pass, however few markets there are.
const MOST_LANES: usize = 4_096;

/// How many lanes a pass over so many markets may have, so that memory stays bounded.
#[must_use]
pub fn lanes_a_pass(markets: usize) -> usize {
    (MOST_BOOKS / markets.max(1)).clamp(1, MOST_LANES)
}

/// Steps all lanes through the feed and returns them by number. `watch` is told the inputs read so far.
///
/// # Errors
/// What the feed or an engine reports.
pub fn run_pass(
    feed: HistoricalFeed,
    lanes: Vec<Lane>,
    threads: usize,
    mut watch: impl FnMut(u64),
) -> Result<(Vec<Lane>, SeenState), EngineError> {
    let mut intervals: Vec<Span> = lanes.iter().map(Lane::scan_interval).collect();
    intervals.sort_unstable();
    intervals.dedup();
    let markets = feed.markets().len();
    let mut batches = Batches::new(feed, markets, intervals)?;
    let mut seen = SeenState { inputs: 0, first_day: 0, last_day: 0 };
    let finished = thread::scope(|scope| {
        let workers = distribute_lanes(lanes, threads).into_iter().map(|lanes| {
            let (sender, receiver) = sync_channel(AHEAD);
            (sender, scope.spawn(move || run_worker(lanes, &receiver)))
        });
        let (senders, workers): (Vec<SyncSender<Arc<InputBatch>>>, Vec<_>) = workers.unzip();
        let mut read = || -> Result<(), EngineError> {
            while let Some(batch) = batches.next_batch()? {
                if seen.inputs == 0 {
                    seen.first_day = batch.inputs[0].at.utc_day();
                }
                seen.inputs += batch.inputs.len() as u64;
                seen.last_day = batch.inputs[batch.inputs.len() - 1].at.utc_day();
                watch(seen.inputs);
                let batch = Arc::new(batch);
                // A worker that is gone has failed, and says why when it is joined.
                if senders.iter().any(|sender| sender.send(Arc::clone(&batch)).is_err()) {
                    break;
                }
            }
            Ok(())
        };
        let read = read();
        drop(senders);
        let mut finished = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(lanes) => finished.extend(lanes?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read.map(|()| finished)
    });
    let mut finished = finished?;
    finished.sort_by_key(|lane| lane.number);
    Ok((finished, seen))
}

/// The lanes of each worker, none without any.
fn distribute_lanes(lanes: Vec<Lane>, threads: usize) -> Vec<Vec<Lane>> {
    let workers = threads.clamp(1, lanes.len().max(1));
    let mut hands: Vec<Vec<Lane>> = (0..workers).map(|_| Vec::new()).collect();
    for (at, lane) in lanes.into_iter().enumerate() {
        hands[at % workers].push(lane);
    }
    hands
}

fn run_worker(mut lanes: Vec<Lane>, batches: &Receiver<Arc<InputBatch>>) -> Result<Vec<Lane>, EngineError> {
    while let Ok(batch) = batches.recv() {
        lanes.iter_mut().try_for_each(|lane| lane.step_batch(&batch))?;
    }
    Ok(lanes)
}
