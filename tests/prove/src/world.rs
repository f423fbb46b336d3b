//! What is known of all tokens while a scenario runs, and the one clock.

use crate::check::{Life, Micros};
use patrol::time::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// The program's clock: monotonic, and set beside the system's once, to read times in answers.
pub(crate) struct Clock {
    zero: Instant,
    /// The system's time at zero, in microseconds.
    system: Micros,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let system = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            zero: Instant::now(),
            system: system.map_or(0, |since| micros(since.as_micros())),
        }
    }

    pub(crate) fn now(&self) -> Micros {
        micros(self.zero.elapsed().as_micros())
    }

    /// The reading at a time of the system's clock.
    pub(crate) fn at(&self, time: Timestamp) -> Micros {
        (time.seconds() * 1_000_000).saturating_sub(self.system)
    }
}

fn micros(value: u128) -> Micros {
    value.try_into().unwrap_or(Micros::MAX)
}

/// So many dead tokens are still tried.
const GRAVES: usize = 48;

/// All tokens of a scenario.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    texts: Vec<Arc<str>>,
    lives: Vec<Life>,
    live: Vec<usize>,
    dying: Vec<usize>,
    dead: VecDeque<usize>,
}

impl Tokens {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one; gives its number.
    pub(crate) fn add(&self, text: &str) -> usize {
        let mut inner = self.inner();
        let number = inner.texts.len();
        inner.texts.push(text.into());
        inner.lives.push(Life::default());
        inner.live.push(number);
        number
    }

    /// Its revocation is about to be asked for.
    pub(crate) fn revoking(&self, tokens: &[usize], now: Micros) {
        let mut inner = self.inner();
        inner.live.retain(|token| !tokens.contains(token));
        for &token in tokens {
            inner.dying.push(token);
            if let Some(life) = inner.lives.get_mut(token) {
                life.revoking.get_or_insert(now);
            }
        }
    }

    /// Its revocation was answered; it is dead from that reading on.
    pub(crate) fn revoked(&self, tokens: &[usize], dead: Micros) {
        let mut inner = self.inner();
        for &token in tokens {
            if let Some(life) = inner.lives.get_mut(token) {
                life.dead = Some(dead);
            }
        }
    }

    /// One to try: half of the tries go to live ones, the others to those that are just being
    /// revoked and to dead ones.
    pub(crate) fn pick(&self, now: Micros) -> Option<(usize, Arc<str>)> {
        let mut inner = self.inner();
        inner.bury(now);
        let roll = rand::random_range(0..10);
        let order: [&[usize]; 3] = match roll {
            0..5 => [&inner.live, &inner.dying, inner.dead.as_slices().0],
            5..7 => [&inner.dying, inner.dead.as_slices().0, &inner.live],
            _ => [inner.dead.as_slices().0, &inner.live, &inner.dying],
        };
        let some = order.into_iter().find(|tokens| !tokens.is_empty())?;
        let token = *some.get(rand::random_range(0..some.len()))?;
        Some((token, inner.texts.get(token)?.clone()))
    }

    pub(crate) fn text(&self, token: usize) -> Option<Arc<str>> {
        self.inner().texts.get(token).cloned()
    }

    /// When the last of the dead is surely dead.
    pub(crate) fn all_dead_at(&self) -> Micros {
        let inner = self.inner();
        inner
            .lives
            .iter()
            .filter_map(|life| life.dead)
            .max()
            .unwrap_or_default()
    }

    pub(crate) fn dead(&self) -> usize {
        self.inner()
            .lives
            .iter()
            .filter(|life| life.dead.is_some())
            .count()
    }

    pub(crate) fn lives(&self) -> Vec<Life> {
        self.inner().lives.clone()
    }
}

impl Inner {
    fn bury(&mut self, now: Micros) {
        let lives = &self.lives;
        let is_dead = |token: &usize| {
            let life = lives.get(*token).copied().unwrap_or_default();
            life.dead.is_some_and(|dead| dead <= now)
        };
        let (dead, dying) = self.dying.iter().partition(|token| is_dead(token));
        let dead: Vec<usize> = dead;
        self.dying = dying;
        self.dead.extend(dead);
        while self.dead.len() > GRAVES {
            self.dead.pop_front();
        }
        self.dead.make_contiguous();
    }
}
