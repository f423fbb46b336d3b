//! An open connection, and the times stamped into its bytes.
//!
//! Both sides write the time of the program's clock into everything that they send, just before they
//! send it, and note the stamps that arrive. So it does not matter when a byte arrives, or how long
//! it was in a buffer: what bears a time after a revocation was passed on by the edge after it.

use crate::check::Micros;
use crate::tokens::Clock;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Socket,
    Events,
    Download,
    Upload,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Socket, Self::Events, Self::Download, Self::Upload];

    /// The path at the edge and the upstream.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Socket => "/api/v1/uns/socket",
            Self::Events => "/api/v1/uns/events",
            Self::Download => "/api/v1/models/m/export",
            Self::Upload => "/api/v1/models/m/import",
        }
    }

    /// The scopes that a token needs for it.
    pub(crate) const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Socket => &["uns:read", "uns:publish"],
            Self::Events => &["uns:read"],
            Self::Download => &["models:read"],
            Self::Upload => &["models:write"],
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Socket => "sockets",
            Self::Events => "event streams",
            Self::Download => "downloads",
            Self::Upload => "uploads",
        }
    }
}

/// How a connection ended, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// A socket was closed with a code.
    Closed(u16),
    /// It broke off.
    Cut,
    /// A body ended as if it were complete. None is.
    Complete,
    /// An upload got a response with this status and the code of a problem.
    Answered(u16, String),
    /// It had not ended when its time was over.
    LeftOpen,
}

/// When the revocation of a token takes effect, once that is known.
pub(crate) type Effective = watch::Receiver<Option<Micros>>;

/// Says when to send something: regularly, and at once after a revocation.
pub(crate) struct Ticks {
    clock: Clock,
    effective: Effective,
    /// Whether the revocation is still to come.
    is_awaiting: bool,
    interval: Interval,
}

/// Often enough that an edge which cuts late is found.
const TICK: Duration = Duration::from_millis(50);

impl Ticks {
    pub(crate) fn new(clock: Clock, effective: Effective) -> Self {
        let mut interval = interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_awaiting = effective.borrow().is_none();
        Self {
            clock,
            effective,
            is_awaiting,
            interval,
        }
    }

    /// The time at which to send the next stamp: now. No tick is lost if this is not awaited to the
    /// end.
    pub(crate) async fn next(&mut self) -> Micros {
        tokio::select! {
            _ = self.effective.changed(), if self.is_awaiting => self.is_awaiting = false,
            _ = self.interval.tick() => {}
        }
        self.clock.now()
    }
}

/// A stamp as text, with leading zeros.
pub(crate) fn stamp(time: Micros) -> String {
    format!("{time:015}")
}

/// The bytes that arrived, by the stamp before them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    /// Stamps in the order of their arrival.
    stamps: Vec<(Micros, usize)>,
    /// A line that has not ended.
    rest: Vec<u8>,
}

impl Arrived {
    /// Reads the next bytes. Stamps are at the ends of lines; other lines belong to the stamp before
    /// them.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let last = lines.next_back().unwrap_or_default();
        for line in lines {
            self.rest.extend_from_slice(line);
            let line = std::mem::take(&mut self.rest);
            self.add_line(&line);
        }
        self.rest.extend_from_slice(last);
    }

    fn add_line(&mut self, line: &[u8]) {
        let text = str::from_utf8(line).unwrap_or_default();
        let number = text.rsplit(' ').next().and_then(|last| last.parse().ok());
        let bytes = line.len() + 1;
        match (number, self.stamps.last_mut()) {
            (Some(stamp), _) => self.stamps.push((stamp, bytes)),
            (None, Some((_, sum))) => *sum += bytes,
            (None, None) => {}
        }
    }

    /// The latest stamp.
    pub(crate) fn latest(&self) -> Option<Micros> {
        self.stamps.iter().map(|(stamp, _)| *stamp).max()
    }

    /// The latest stamp that is not after this time.
    pub(crate) fn latest_until(&self, time: Micros) -> Option<Micros> {
        let stamps = self.stamps.iter().map(|(stamp, _)| *stamp);
        stamps.filter(|stamp| *stamp <= time).max()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.stamps.iter().map(|(_, bytes)| bytes).sum()
    }

    /// The bytes that were sent after this time.
    pub(crate) fn bytes_after(&self, time: Micros) -> usize {
        let late = self.stamps.iter().filter(|(stamp, _)| *stamp > time);
        late.map(|(_, bytes)| bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrived_bytes_belong_to_the_stamp_before_them() {
        let mut arrived = Arrived::default();
        let text = format!("data: {}\n\n{}\nxxxx\n{}", stamp(5), stamp(70), stamp(900));
        // In pieces of every size.
        for piece in text.as_bytes().chunks(7) {
            arrived.read(piece);
        }
        assert_eq!(arrived.latest(), Some(70), "the last line has not ended");
        arrived.read(b"\n");
        assert_eq!(arrived.latest(), Some(900));
        assert_eq!(arrived.latest_until(899), Some(70));
        assert_eq!(arrived.latest_until(4), None);
        assert_eq!(arrived.bytes(), text.len() + 1);
        assert_eq!(arrived.bytes_after(5), 16 + 5 + 16);
        assert_eq!(arrived.bytes_after(70), 16);
        assert_eq!(arrived.bytes_after(900), 0);
    }
}
