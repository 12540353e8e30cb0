//! What modules share: how DRBD, Kubernetes, storage and trees are read and compared. No module is here.

pub(crate) mod difference;
pub(crate) mod drbd;
pub(crate) mod kubernetes;
pub(crate) mod permission;
pub(crate) mod pod;
pub(crate) mod quantity;
pub(crate) mod storage;
pub(crate) mod tree;
