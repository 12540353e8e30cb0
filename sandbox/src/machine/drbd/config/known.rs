//! The options that drbdadm knows in each section, and how it names them when it expected one. As in drbd-utils 9.22.

/// `options`, DRBD 9.
const OPTIONS: &[&str] = &[
    "cpu-mask",
    "on-no-data-accessible",
    "auto-promote",
    "peer-ack-window",
    "peer-ack-delay",
    "twopc-timeout",
    "twopc-retry-timeout",
    "auto-promote-timeout",
    "max-io-depth",
    "quorum",
    "on-no-quorum",
    "quorum-minimum-redundancy",
    "on-suspended-primary-outdated",
];

/// `net`.
const NET: &[&str] = &[
    "protocol",
    "timeout",
    "max-epoch-size",
    "connect-int",
    "ping-int",
    "sndbuf-size",
    "rcvbuf-size",
    "ko-count",
    "allow-two-primaries",
    "cram-hmac-alg",
    "shared-secret",
    "after-sb-0pri",
    "after-sb-1pri",
    "after-sb-2pri",
    "always-asbp",
    "rr-conflict",
    "ping-timeout",
    "data-integrity-alg",
    "tcp-cork",
    "on-congestion",
    "congestion-fill",
    "congestion-extents",
    "csums-alg",
    "csums-after-crash-only",
    "verify-alg",
    "use-rle",
    "socket-check-timeout",
    "fencing",
    "max-buffers",
    "allow-remote-read",
    "transport",
    "_name",
];

/// `disk`.
const DISK: &[&str] = &[
    "size",
    "on-io-error",
    "fencing",
    "disk-barrier",
    "disk-flushes",
    "disk-drain",
    "md-flushes",
    "resync-after",
    "al-extents",
    "al-updates",
    "discard-zeroes-if-aligned",
    "disable-write-same",
    "disk-timeout",
    "read-balancing",
    "rs-discard-granularity",
    "resync-rate",
    "c-plan-ahead",
    "c-delay-target",
    "c-fill-target",
    "c-max-rate",
    "c-min-rate",
    "bitmap",
];

/// `startup`.
const STARTUP: &[&str] = &[
    "wfc-timeout",
    "degr-wfc-timeout",
    "outdated-wfc-timeout",
    "wait-after-sb",
    "become-primary-on",
    "stacked-timeouts",
];

/// `handlers`.
const HANDLERS: &[&str] = &[
    "pri-on-incon-degr",
    "pri-lost-after-sb",
    "pri-lost",
    "initial-split-brain",
    "split-brain",
    "outdate-peer",
    "fence-peer",
    "unfence-peer",
    "local-io-error",
    "before-resync-target",
    "after-resync-target",
    "before-resync-source",
    "out-of-sync",
    "quorum-lost",
    "disconnected",
];

/// Options that are yes or no.
const BOOLEAN: &[&str] = &[
    "allow-two-primaries",
    "auto-promote",
    "always-asbp",
    "tcp-cork",
    "use-rle",
    "csums-after-crash-only",
    "allow-remote-read",
    "disk-barrier",
    "disk-flushes",
    "disk-drain",
    "md-flushes",
    "al-updates",
    "bitmap",
    "wait-after-sb",
];

/// The sections of options, in the order in which drbdadm prints them.
pub(super) const SECTIONS: [&str; 5] = ["options", "net", "disk", "startup", "handlers"];

/// The options of a section.
pub(super) fn options(section: &str, legacy: bool) -> &'static [&'static str] {
    match section {
        "options" if legacy => &OPTIONS[..2],
        "options" => OPTIONS,
        "net" => NET,
        "disk" => DISK,
        "startup" => STARTUP,
        _ => HANDLERS,
    }
}

/// What drbdadm says it expected.
pub(super) fn expected(section: &str, legacy: bool) -> String {
    match section {
        "startup" if !legacy => "<an option keyword> | become-primary-on | stacked-timeouts".to_owned(),
        "options" | "handlers" if !legacy => options(section, legacy).join(" | "),
        "disk" if !legacy => DISK[15..].join(" | "),
        _ => "an option keyword".to_owned(),
    }
}

/// Whether a value is what the kernel has without it, of the options that resource files are likely to name. Others count as set.
pub(super) fn is_default(option: &str, value: &str) -> bool {
    const DEFAULTS: [(&str, &str); 6] = [
        ("protocol", "C"),
        ("allow-two-primaries", "no"),
        ("quorum", "off"),
        ("auto-promote", "yes"),
        ("after-sb-0pri", "disconnect"),
        ("rr-conflict", "disconnect"),
    ];
    DEFAULTS.contains(&(option, value))
}

/// What drbdadm says of a value; nothing if the value can be.
pub(super) fn refusal(option: &str, value: &str, legacy: bool) -> Option<String> {
    match option {
        "protocol" if legacy && !["A", "B", "C"].contains(&value) => {
            Some(format!("unknown protocol '{value}', should be one of A,B,C\n"))
        }
        "protocol" if !["A", "B", "C", "a", "b", "c"].contains(&value) => Some(format!(
            "while parsing value ('{value}')\nfor protocol. Value is not valid.\nAllowed values are: A | B | C\n"
        )),
        _ if BOOLEAN.contains(&option) && value != "yes" && value != "no" => {
            Some(format!("while parsing value ('{value}')\nfor {option}. Value is not 'yes' or 'no'.\n"))
        }
        _ => None,
    }
}
