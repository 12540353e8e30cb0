//! Rows for the modules of files, disks and networks, and for those that only compute.

use cutover_engine::module::TargetKind::{self, Controller, Node, Pair, Site};
use serde_json::{Value, json};

use super::{Bad, Good};

pub(super) fn good() -> Vec<Good> {
    let row = |module, target: TargetKind, params: Value, subjects| Good { module, target, params, subjects };
    let two = json!({"source": {"node": "w4", "path": "/data/pvc//x/"}, "destination": {"path": "/backup"}});
    let persist = json!({"device": "/dev/drbd0", "path": "/data/x", "persist": {"marker": "/m"}, "underlay": "sealed"});
    vec![
        row("command", Pair, json!({"argv": ["true"]}), &["anything at primary/worker01"]),
        row("command", Site, json!({"argv": ["true"], "on": "w4"}), &["anything at primary/w4"]),
        row("command", Pair, json!({"argv": ["true"], "on": "controller"}), &["anything at controller"]),
        row("file", Controller, json!({"path": "/a/b/", "state": "touch"}), &["controller:/a/b"]),
        row("copy_preserve", Pair, two.clone(), &["primary/w4:/data/pvc/x", "primary/worker01:/backup"]),
        row("verify_hash", Pair, two, &["primary/w4:/data/pvc/x", "primary/worker01:/backup"]),
        row("verify_hash", Node, json!({"path": "/data"}), &["primary/worker01:/data"]),
        row("filesystem", Pair, json!({"device": "/dev/drbd0"}), &["primary/worker01:/dev/drbd0"]),
        row(
            "mount",
            Node,
            json!({"device": "/dev/sdc", "path": "/data/x"}),
            &["primary/worker01:/dev/sdc", "primary/worker01:/data/x"],
        ),
        row(
            "mount",
            Pair,
            persist,
            &[
                "primary/worker01:/dev/drbd0",
                "primary/worker01:/data/x",
                "primary/worker01:/data/x.underlay",
                "primary/worker01:/etc/systemd/system/data-x.mount",
                "primary/worker01:/etc/systemd/system/cutover-data-x.service",
            ],
        ),
        row(
            "disk_check",
            Pair,
            json!({"device": "/dev/sdc", "path": "/data", "fits": ["/a"], "to_copy": ["/b"]}),
            &["primary/worker01:/dev/sdc", "primary/worker01:/data", "primary/worker01:/a", "primary/worker01:/b"],
        ),
        row("net_check", Pair, json!({"ping": {}, "tcp": [7790]}), &[]),
        row("net_check", Pair, json!({"tcp": [7790], "tcp_mode": "free"}), &["anything at primary/worker01"]),
        row("net_check", Pair, json!({"tcp": [7790], "tcp_mode": "listening"}), &["anything at standby/worker01"]),
        row("assert", Controller, json!({"that": [true]}), &[]),
        row("set_fact", Controller, json!({"a": 1}), &[]),
        row("pause", Controller, json!({"for": "30s"}), &[]),
    ]
}

pub(super) fn bad() -> Vec<Bad> {
    let row = |module, params, pointer, words| Bad { module, target: Pair, params, pointer, words };
    let on = |module, target, params, words| Bad { module, target, params, pointer: "", words };
    let tree = |path: &str| json!({"path": path});
    vec![
        row("command", json!({"argv": []}), "/argv", "names no program"),
        row("command", json!({"argv": [""]}), "/argv", "names no program"),
        row("command", json!({"argv": ["x"], "read_only": true, "creates": "/x"}), "/creates", "creates nothing"),
        row("command", json!({"argv": ["x"], "creates": "x"}), "/creates", "not an absolute path"),
        row("command", json!({"argv": ["x"], "expect_rc": []}), "/expect_rc", "no exit code"),
        row("command", json!({"argv": ["x"], "env": {"A=B": "c"}}), "/env", "not the name of a variable"),
        row("command", json!({"argv": ["x"], "chdir": ""}), "/chdir", "names no directory"),
        row("command", json!({"argv": ["x"], "on": ""}), "/on", "names no node"),
        on("file", Site, json!({"path": "/x", "state": "touch"}), "works on"),
        row("file", json!({"path": "x", "state": "touch"}), "/path", "not a plain absolute path"),
        row("file", json!({"path": "/", "state": "absent"}), "/path", "not a plain absolute path"),
        row("file", json!({"path": "/x/../y", "state": "absent"}), "/path", "not a plain absolute path"),
        row("file", json!({"path": "/x"}), "/path", "needs `content`"),
        row("file", json!({"path": "/x", "state": "touch", "content": ""}), "/content", "goes with"),
        row("file", json!({"path": "/x", "state": "absent", "mode": "0600"}), "/state", "no owner"),
        row("file", json!({"path": "/x", "state": "absent", "immutable": false}), "/immutable", "no attributes"),
        row("file", json!({"path": "/x", "state": "touch", "recursive": true}), "/recursive", "goes with"),
        row("file", json!({"path": "/x", "state": "touch", "device": "/dev/sdc"}), "/device", "goes with"),
        row("file", json!({"path": "/x", "state": "absent", "device": "sdc"}), "/device", "not an absolute path"),
        row(
            "copy_preserve",
            json!({"source": tree("x"), "destination": tree("/y")}),
            "/source/path",
            "not an absolute",
        ),
        row("copy_preserve", json!({"source": tree("/x"), "destination": tree("/")}), "/destination/path", "directory"),
        row(
            "copy_preserve",
            json!({"source": {"path": "/x", "site": "primary"}, "destination": tree("/y")}),
            "/source/site",
            "without `node`",
        ),
        row(
            "copy_preserve",
            json!({"source": {"path": "/x", "node": ""}, "destination": tree("/y")}),
            "/source/node",
            "is empty",
        ),
        row(
            "copy_preserve",
            json!({"source": tree("/x"), "destination": tree("/y"), "exclude": ["a", "b/c"]}),
            "/exclude/1",
            "not a plain file name",
        ),
        row(
            "copy_preserve",
            json!({"source": tree("/x"), "destination": tree("/x/y/")}),
            "/destination/path",
            "lie in each other",
        ),
        row("verify_hash", json!({}), "", "or `path` alone"),
        row("verify_hash", json!({"source": tree("/x")}), "", "or `path` alone"),
        row("verify_hash", json!({"path": "x"}), "/path", "not an absolute path"),
        row("verify_hash", json!({"path": "/x", "exclude": ["*"]}), "/exclude/0", "not a plain file name"),
        row(
            "verify_hash",
            json!({"source": tree("/x"), "destination": tree("/x/")}),
            "/destination",
            "are the same tree",
        ),
        row(
            "verify_hash",
            json!({"source": tree("/x"), "destination": tree("/y"), "expect": "0"}),
            "/expect",
            "goes with `path`",
        ),
        on("filesystem", Site, json!({"device": "/dev/drbd0"}), "works on"),
        row("filesystem", json!({"device": "drbd0"}), "/device", "not an absolute path"),
        row("filesystem", json!({"device": "/dev/drbd0", "label": ""}), "/label", "is empty"),
        row("filesystem", json!({"device": "/dev/drbd0", "options": ["-m", ""]}), "/options/1", "empty word"),
        row("filesystem", json!({"device": "/dev/drbd0", "options": ["-F"]}), "/options/0", "never forced"),
        on("mount", Site, json!({"device": "/dev/drbd0", "path": "/x"}), "works on"),
        row("mount", json!({"device": "drbd0", "path": "/x"}), "/device", "not an absolute path"),
        row("mount", json!({"device": "/dev/drbd0", "path": "x"}), "/path", "not a mount point"),
        row("mount", json!({"device": "/dev/drbd0", "path": "/x/"}), "/path", "not a mount point"),
        row("mount", json!({"device": "/dev/drbd0", "path": "/x", "underlay": "open"}), "/underlay", "unmounted"),
        row("mount", json!({"device": "/dev/drbd0", "path": "/x", "uuid": ""}), "/uuid", "is empty"),
        row("mount", json!({"device": "/dev/drbd0", "path": "/x", "options": ["a,b"]}), "/options/0", "of its own"),
        row(
            "mount",
            json!({"device": "/dev/drbd0", "path": "/x", "persist": {"marker": "m"}}),
            "/persist/marker",
            "not an absolute path",
        ),
        row(
            "mount",
            json!({"device": "/dev/drbd0", "path": "/x", "state": "unmounted", "persist": {"marker": "/m"}}),
            "/persist",
            "contradicts",
        ),
        on("disk_check", Site, json!({"device": "/dev/sdc"}), "works on"),
        row("disk_check", json!({}), "", "give a `device`"),
        row("disk_check", json!({"device": "sdc"}), "/device", "not an absolute path"),
        row("disk_check", json!({"path": "data"}), "/path", "not an absolute path"),
        row("disk_check", json!({"device": "/dev/sdc", "min_free": 1}), "/min_free", "name one"),
        row("disk_check", json!({"device": "/dev/sdc", "fits": ["/x"]}), "/fits", "name one"),
        row("disk_check", json!({"path": "/data", "fits": ["/x", "y"]}), "/fits/1", "not an absolute path"),
        row("disk_check", json!({"path": "/data", "min_bytes": 1}), "/min_bytes", "name one"),
        row("disk_check", json!({"path": "/data", "or_drbd": "etcd0"}), "/or_drbd", "name one"),
        row("disk_check", json!({"device": "/dev/sdc", "or_drbd": ""}), "/or_drbd", "names no resource"),
        row("disk_check", json!({"to_copy": ["/x", "/a/../b"]}), "/to_copy/1", "in it"),
        row("disk_check", json!({"to_copy": ["/x"], "exclude": [""]}), "/exclude/0", "not a plain file name"),
        on("net_check", Site, json!({"ping": {}}), "works on"),
        row("net_check", json!({}), "", "nothing is checked"),
        row("net_check", json!({"to": "", "ping": {}}), "/to", "not an address"),
        row("net_check", json!({"ping": {"count": 0}}), "/ping/count", "1 to 1000"),
        row("net_check", json!({"ping": {"max_loss": 101.0}}), "/ping/max_loss", "percent"),
        row("net_check", json!({"tcp": [1, 0]}), "/tcp/1", "1 to 65535"),
        row("net_check", json!({"throughput": {"min": "1MB/s", "seconds": 0}}), "/throughput/seconds", "1 to 600"),
        row("net_check", json!({"throughput": {"min": "1MB/s", "port": 0}}), "/throughput/port", "1 to 65535"),
        row("assert", json!({"that": []}), "/that", "nothing is asserted"),
        row("set_fact", json!({}), "", "nothing is set"),
        row("set_fact", json!({"": 1}), "/", "has no name"),
    ]
}
