//! Draws scrolled lines and the footer, as seldom as possible: what is to be drawn gathers under one lock, what is being
//! drawn is held by another, so that events never wait for the terminal.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cutover_protocol::event::Event;

use super::super::narration::Narration;
use super::super::palette::Palette;
use super::super::screen::Suspend;
use super::super::timeline::Timeline;
use super::super::{Style, Width};
use super::canvas::Canvas;
use super::footer::footer;

/// The shortest time between two drawings.
const PAUSE: Duration = Duration::from_millis(50);
/// The time after which clocks are drawn again though nothing happened.
const TICK: Duration = Duration::from_millis(250);

/// What is to be drawn.
struct Scene {
    timeline: Timeline,
    narration: Narration,
    /// Lines that are not drawn yet.
    lines: Vec<String>,
    /// When the latest event came.
    received: Instant,
    changed: bool,
    paused: usize,
    over: bool,
}

/// What is drawn on.
struct Surface {
    canvas: Canvas,
    painted: Option<Instant>,
}

/// Draws a run.
pub(super) struct Painter {
    scene: Mutex<Scene>,
    surface: Mutex<Surface>,
    wake: Condvar,
    width: Width,
    palette: Palette,
}

impl Painter {
    pub(super) fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        let (width, palette) = (style.width.clone(), Palette { color: style.color });
        let scene = Scene {
            timeline: Timeline::default(),
            narration: Narration::new(style, false),
            lines: Vec::new(),
            received: Instant::now(),
            changed: false,
            paused: 0,
            over: false,
        };
        let surface = Surface { canvas: Canvas::new(out, width.clone()), painted: None };
        Self { scene: Mutex::new(scene), surface: Mutex::new(surface), wake: Condvar::new(), width, palette }
    }

    /// Takes in an event; draws nothing.
    pub(super) fn event(&self, event: &Event) {
        let mut guard = self.scene();
        let scene = &mut *guard;
        scene.timeline.event(event);
        scene.lines.extend(scene.narration.event(&scene.timeline, event));
        scene.received = Instant::now();
        scene.changed = true;
        self.wake.notify_one();
    }

    /// Takes in what earlier executions have recorded.
    pub(super) fn recall(&self, events: &[Event]) {
        self.scene().timeline.recall(events);
    }

    /// Narrates what comes when no event follows.
    pub(super) fn close(&self) {
        let mut guard = self.scene();
        let scene = &mut *guard;
        scene.lines.extend(scene.narration.finish(&scene.timeline));
    }

    /// Draws until stopped.
    pub(super) fn run(&self) {
        loop {
            let mut scene = self.scene();
            if !scene.changed && !scene.over {
                scene = self.wake.wait_timeout(scene, TICK).unwrap_or_else(PoisonError::into_inner).0;
            }
            let over = scene.over;
            drop(scene);
            if over {
                return;
            }
            self.paint();
            let scene = self.scene();
            let wait = self.wake.wait_timeout_while(scene, PAUSE, |scene| !scene.over);
            drop(wait.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends [`Painter::run`].
    pub(super) fn stop(&self) {
        self.scene().over = true;
        self.wake.notify_all();
    }

    /// Draws, unless it was done a moment ago.
    pub(super) fn paint_if_due(&self) {
        let due = self.surface().painted.is_none_or(|painted| painted.elapsed() >= PAUSE);
        if due {
            self.paint();
        }
    }

    /// Draws the lines that are left and takes the footer away.
    pub(super) fn clear(&self) {
        self.draw(false);
    }

    fn paint(&self) {
        self.draw(true);
    }

    fn draw(&self, with_footer: bool) {
        let mut surface = self.surface();
        let mut scene = self.scene();
        if with_footer && scene.paused > 0 {
            return;
        }
        let lines = std::mem::take(&mut scene.lines);
        scene.changed = false;
        let wanted = with_footer && !scene.over;
        let (rows, columns) = self.width.size();
        let since = u64::try_from(scene.received.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = scene.timeline.now_ms.saturating_add(since);
        let text = if wanted { footer(&scene.timeline, now, (rows, columns), self.palette) } else { Vec::new() };
        drop(scene);
        surface.canvas.draw(&lines, text);
        surface.painted = Some(Instant::now());
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn surface(&self) -> MutexGuard<'_, Surface> {
        self.surface.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Suspend for Painter {
    fn pause(&self) {
        self.scene().paused += 1;
        self.draw(false);
    }

    fn go_on(&self, fresh_line: bool) {
        let mut scene = self.scene();
        if fresh_line {
            scene.lines.insert(0, String::new());
        }
        scene.paused = scene.paused.saturating_sub(1);
        scene.changed = true;
        self.wake.notify_one();
    }
}
