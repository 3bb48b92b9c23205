//! Several contenders as one: all work at the same time.

use std::thread;
use std::time::Instant;

use crate::contender::{Contender, Turn};
use crate::failure::Failure;

/// Whose turn is over when the last of them is done.
pub(crate) struct Crew {
    name: String,
    members: Vec<Box<dyn Contender>>,
}

impl Crew {
    /// Makes a crew of this size; each member is made from its number, counted from 0.
    pub(crate) fn of<C: Contender + 'static>(
        workers: usize,
        member: impl Fn(usize) -> Result<C, Failure>,
    ) -> Result<Self, Failure> {
        let boxed = |number| Ok(Box::new(member(number)?) as Box<dyn Contender>);
        let members: Result<Vec<_>, Failure> = (0..workers).map(boxed).collect();
        Ok(Self {
            name: String::new(),
            members: members?,
        })
    }

    pub(crate) fn called(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }
}

impl Contender for Crew {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn lingers(&self) -> bool {
        self.members.iter().any(|member| member.lingers())
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let start = Instant::now();
        let turns: Result<Vec<Turn>, Failure> = thread::scope(|scope| {
            let members = self.members.iter_mut();
            let running: Vec<_> = members
                .map(|member| scope.spawn(move || member.turn(steps)))
                .collect();
            let results = running.into_iter().map(|thread| {
                let joined = thread.join();
                joined.unwrap_or_else(|_| Err("a worker panicked".into()))
            });
            results.collect()
        });
        let seconds = start.elapsed().as_secs_f64();
        let losses: Option<Vec<f64>> = turns?.iter().map(|turn| turn.loss).collect();
        let mean = losses.map(|losses| losses.iter().sum::<f64>() / losses.len() as f64);
        Ok(Turn::of(seconds).with_loss(mean))
    }
}
