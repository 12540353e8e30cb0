//! Why a file operation is refused, with the words that programs print for it.

use std::fmt;

/// An error number, by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errno {
    /// ENOENT.
    NoEntry,
    /// ENOTDIR.
    NotDirectory,
    /// EISDIR.
    IsDirectory,
    /// EEXIST.
    Exists,
    /// ENOTEMPTY.
    NotEmpty,
    /// ELOOP.
    Loop,
    /// ENOSPC.
    NoSpace,
    /// EPERM: an immutable inode, a hard link to a directory.
    NotPermitted,
    /// EROFS.
    ReadOnly,
    /// EXDEV.
    CrossDevice,
    /// EBUSY: a mount point.
    Busy,
    /// EINVAL.
    Invalid,
    /// EIO: the device under a mount is gone.
    Io,
}

impl fmt::Display for Errno {
    /// The text of strerror(3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEntry => "No such file or directory",
            Self::NotDirectory => "Not a directory",
            Self::IsDirectory => "Is a directory",
            Self::Exists => "File exists",
            Self::NotEmpty => "Directory not empty",
            Self::Loop => "Too many levels of symbolic links",
            Self::NoSpace => "No space left on device",
            Self::NotPermitted => "Operation not permitted",
            Self::ReadOnly => "Read-only file system",
            Self::CrossDevice => "Invalid cross-device link",
            Self::Busy => "Device or resource busy",
            Self::Invalid => "Invalid argument",
            Self::Io => "Input/output error",
        })
    }
}
