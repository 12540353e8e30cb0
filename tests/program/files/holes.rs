//! Files with holes: what is not stored is not read, and does not matter to what a file is.

use serde_json::json;

use super::trees::{Scratch, stages, to_other_node, trees};

#[tokio::test(start_paused = true)]
async fn holes_are_not_read_and_zeros_count_the_same() {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        stage.must(&["mkdir", "-p", &source]).await;
        stage.must(&["truncate", "-s", "1099511627776", &format!("{source}/data.mdb")]).await;
        stage.must(&["truncate", "-s", "150000001", &format!("{source}/zeros")]).await;
        if stage.name == "host" {
            let file = std::fs::OpenOptions::new().write(true).open(format!("{source}/data.mdb")).unwrap();
            for at in [1_000_000, 700_000_000_000] {
                std::os::unix::fs::FileExt::write_at(&file, b"x", at).unwrap();
            }
            file.sync_all().unwrap();
        }
        let began = std::time::Instant::now();
        for params in [trees(&source, &copy), to_other_node(&source, &scratch.path("other"))] {
            stage.converge("copy_preserve", &params).await;
            stage.converge("verify_hash", &params).await;
        }
        // 1 TiB read once takes minutes.
        assert!(began.elapsed().as_secs() < 60, "{}: {:?}", stage.name, began.elapsed());
        if stage.name == "sandbox" {
            continue;
        }
        let digest = stage.converge("verify_hash", &json!({"path": copy})).await.1["digest"].clone();
        let time = stage.must(&["stat", "-c", "%y", &format!("{copy}/zeros")]).await;
        let filled = std::fs::OpenOptions::new().write(true).open(format!("{copy}/zeros")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&filled, &vec![0; 150_000_001], 0).unwrap();
        stage.must(&["touch", "-d", time.trim(), &format!("{copy}/zeros")]).await;
        assert_eq!(stage.converge("verify_hash", &json!({"path": copy})).await.1["digest"], digest);
        // The last byte of a piece, and of the file.
        for at in [67_108_863, 150_000_000] {
            std::os::unix::fs::FileExt::write_at(&filled, b"x", at).unwrap();
            stage.must(&["touch", "-d", time.trim(), &format!("{copy}/zeros")]).await;
            let refused = stage.refusal("verify_hash", &trees(&source, &copy)).await;
            assert!(refused[1].starts_with("zeros: sha256 ("), "{refused:?}");
            std::os::unix::fs::FileExt::write_at(&filled, b"\0", at).unwrap();
        }
    }
}
