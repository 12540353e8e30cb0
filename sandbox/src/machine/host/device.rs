//! Block devices by path, DRBD's included: which content a program sees when it opens one.

use super::Machine;
use crate::machine::resource::{Connection, DiskState, DrbdResource};
use crate::machine::storage::{BlockContent, Disk};

/// Why a device cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// There is no such device.
    Missing,
    /// A DRBD device in the Secondary role (mount says `Wrong medium type`).
    WrongMedium,
}

impl OpenError {
    /// The text of strerror(3).
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Missing => "No such file or directory",
            Self::WrongMedium => "Wrong medium type",
        }
    }
}

/// Whether a resource has data to give: its disk's, or as a Primary without a disk its peer's.
fn has_data(resource: &DrbdResource) -> bool {
    let over_the_link = resource.primary && resource.connection == Connection::Connected;
    resource.disk_state != DiskState::Diskless || over_the_link
}

impl Machine {
    /// The content of a block device, as a program that opens it sees it.
    pub(crate) fn content(&self, device: &str) -> Result<&BlockContent, OpenError> {
        self.disk(device).map(|disk| &disk.content)
    }

    /// The content of a block device, to be changed.
    pub(crate) fn content_mut(&mut self, device: &str) -> Result<&mut BlockContent, OpenError> {
        let disk = self.backing(device)?;
        self.disks.get_mut(&disk).map(|disk| &mut disk.content).ok_or(OpenError::Missing)
    }

    /// The disk behind a device that can be opened.
    pub(crate) fn disk(&self, device: &str) -> Result<&Disk, OpenError> {
        let disk = self.backing(device)?;
        self.disks.get(&disk).ok_or(OpenError::Missing)
    }

    /// The path of the disk behind a device: a DRBD resource's backing disk, or the disk itself.
    pub(crate) fn backing(&self, device: &str) -> Result<String, OpenError> {
        let device = self.kernel_name(device);
        match self.drbd.values().find(|resource| resource.device == device) {
            // A Primary without a disk works over the link. What is there is what was here, and is carried over.
            Some(resource) if !has_data(resource) => Err(OpenError::Missing),
            Some(resource) if resource.primary => Ok(self.kernel_name(&resource.disk)),
            Some(_) => Err(OpenError::WrongMedium),
            None if self.disks.contains_key(&device) => Ok(device),
            None => Err(OpenError::Missing),
        }
    }

    /// The size of a device in bytes: a DRBD device is smaller than the disk under it by the metadata.
    pub(crate) fn device_bytes(&self, device: &str) -> Option<u64> {
        let device = self.kernel_name(device);
        match self.drbd.values().find(|resource| resource.device == device) {
            Some(resource) if !has_data(resource) => None,
            Some(resource) => self.disks.get(&self.kernel_name(&resource.disk)).map(|disk| disk.drbd_kib() * 1024),
            None => self.disks.get(&device).map(|disk| disk.bytes),
        }
    }

    /// The device that a path under `/dev` leads to, by udev's links: by-id, by-uuid, DRBD's by-res. Other paths as they are.
    pub(crate) fn kernel_name(&self, path: &str) -> String {
        let disk = |wanted: &dyn Fn(&Disk) -> bool| {
            self.disks.iter().find(|(_, disk)| wanted(disk)).map(|(device, _)| device.clone())
        };
        let found = if let Some(serial) = path.strip_prefix("/dev/disk/by-id/") {
            disk(&|disk| disk.serial == serial)
        } else if let Some(uuid) = path.strip_prefix("/dev/disk/by-uuid/") {
            disk(&|disk| matches!(&disk.content, BlockContent::Filesystem(filesystem) if filesystem.uuid == uuid))
        } else if let Some(resource) = path.strip_prefix("/dev/drbd/by-res/") {
            self.drbd.get(resource.trim_end_matches("/0")).map(|resource| resource.device.clone())
        } else {
            None
        };
        found.unwrap_or_else(|| path.to_owned())
    }

    /// The DRBD resource that has a disk attached, by name.
    pub(crate) fn attached_to(&self, disk: &str) -> Option<&str> {
        let disk = self.kernel_name(disk);
        let attached = |resource: &&DrbdResource| {
            resource.disk_state != DiskState::Diskless && self.kernel_name(&resource.disk) == disk
        };
        let resource = self.drbd.values().find(attached);
        resource.map(|resource| resource.name.as_str())
    }
}
