//! Block devices by path, DRBD's included: which content a program sees when it opens one.

use super::{BlockContent, Machine};

/// Why a device cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// There is no such device.
    Missing,
    /// A DRBD device in the Secondary role (mount says `Wrong medium type`).
    WrongMedium,
}

impl Machine {
    /// The content of a block device, as a program that opens it sees it.
    pub(crate) fn content(&self, device: &str) -> Result<&BlockContent, OpenError> {
        let disk = self.backing(device)?;
        self.disks.get(&disk).map(|disk| &disk.content).ok_or(OpenError::Missing)
    }

    /// The content of a block device, to be changed.
    pub(crate) fn content_mut(&mut self, device: &str) -> Result<&mut BlockContent, OpenError> {
        let disk = self.backing(device)?;
        self.disks.get_mut(&disk).map(|disk| &mut disk.content).ok_or(OpenError::Missing)
    }

    /// The path of the disk behind a device: a DRBD resource's backing disk, or the disk itself.
    pub(crate) fn backing(&self, device: &str) -> Result<String, OpenError> {
        match self.drbd.values().find(|resource| resource.device == device) {
            Some(resource) if resource.primary => Ok(resource.disk.clone()),
            Some(_) => Err(OpenError::WrongMedium),
            None if self.disks.contains_key(device) => Ok(device.to_owned()),
            None => Err(OpenError::Missing),
        }
    }
}
