//! `date [-u] [+FORMAT]`: the simulated time of day, UTC.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use crate::machine::program::{Call, Program, Reply};

/// `date`
pub(crate) struct Date;

impl Program for Date {
    fn names(&self) -> &'static [&'static str] {
        &["date"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let options = match Options::parse(call.args, &["u|utc|universal", "I|iso-8601"]) {
                Ok(options) => options,
                Err(words) => return Reply::fail(1, format!("date: {words}\n")),
            };
            let format = match options.operands.as_slice() {
                [] if options.has("I") => "%Y-%m-%d",
                [] => "%a %b %e %H:%M:%S UTC %Y",
                [format] if format.starts_with('+') => &format[1..],
                [other, ..] => return Reply::fail(1, format!("date: invalid date '{other}'\n")),
            };
            let now = call.kernel().clock.now().to_zoned(jiff::tz::TimeZone::UTC);
            let mut text = String::new();
            match jiff::fmt::strtime::BrokenDownTime::from(&now).format(format, &mut text) {
                Ok(()) => Reply::ok(format!("{text}\n")),
                Err(_) => Reply::fail(1, format!("date: invalid format '{format}'\n")),
            }
        })
    }
}
