//! Durations in words. Always cut off, never rounded up: a step that took 59.96 s did not take a minute.

/// A measured duration: `0.3s`, `12m 05s`, `1h 07m`.
pub fn exact(ms: u64) -> String {
    if ms < 60_000 { format!("{}.{}s", ms / 1000, ms % 1000 / 100) } else { coarse(ms) }
}

/// A duration in whole seconds: `9s`, `12m 05s`, `1h 07m`.
pub(crate) fn coarse(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m {rest:02}s"),
        _ => format!("{hours}h {minutes:02}m"),
    }
}

/// A duration a person wrote, without the parts that are zero: `6m`, `1m 30s`, `2h`.
pub(crate) fn planned(ms: u64) -> String {
    let parts = [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let words: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

/// The time since the run began, as on a countdown: `T+00:12:31`.
pub(crate) fn since(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("T+{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_cut_off_and_short() {
        assert_eq!([0, 349, 59_960, 60_000, 725_000].map(exact), ["0.0s", "0.3s", "59.9s", "1m 00s", "12m 05s"]);
        assert_eq!([9_999, 4_020_000].map(coarse), ["9s", "1h 07m"]);
        assert_eq!([360_000, 90_000, 7_200_000, 0, 1_500].map(planned), ["6m", "1m 30s", "2h", "0s", "1s 500ms"]);
        assert_eq!(since(751_000), "T+00:12:31");
    }
}
