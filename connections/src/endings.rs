//! How commands end that nobody waits for any more: in the background, and the world can wait until all of it is done.

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// What still has to be done to end commands. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Endings(TaskTracker);

impl Endings {
    /// Ends a command in the background; outside of a runtime there is nothing that could.
    pub(crate) fn begin(&self, ending: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            self.0.spawn_on(ending, &runtime);
        }
    }

    /// Waits until all that was begun is done.
    pub(crate) async fn settle(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
