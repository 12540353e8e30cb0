//! Ends abandoned commands in the background, and lets the world wait until all of them have ended.

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// The clean-up of abandoned commands that is still under way. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Endings(TaskTracker);

impl Endings {
    /// Ends a command in the background; does nothing outside of a runtime.
    pub(crate) fn begin(&self, ending: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            self.0.spawn_on(ending, &runtime);
        }
    }

    /// Waits until all clean-up is done.
    pub(crate) async fn settle(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
