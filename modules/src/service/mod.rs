//! Modules that ask a service itself.

mod etcd_check;

pub(crate) use etcd_check::EtcdCheck;
