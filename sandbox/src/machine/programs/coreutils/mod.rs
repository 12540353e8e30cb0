//! Programs of coreutils.

mod basics;
mod date;
mod df;
mod files;
mod links;
mod readlink;
mod show;

use super::Named;

pub(super) const ALL: &[Named] =
    &[&date::Date, &df::Df, &readlink::Readlink, &basics::Basics, &files::Files, &links::Links, &show::Show];
