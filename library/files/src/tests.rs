use super::*;

#[test]
fn only_files_of_a_bearable_size_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |path: &Path| read(path).unwrap_err().to_string();
    assert!(refused(directory.path()).contains("it is a directory"));
    assert!(refused(Path::new("/dev/zero")).contains("it is a device or a pipe"));
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refused(&pipe).contains("it is a device or a pipe"));
    let large = directory.path().join("large");
    std::fs::File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
    assert_eq!(refused(&large), "it is larger than 8 MiB");
    std::fs::write(&large, "x: 1\n").unwrap();
    assert_eq!(read(&large).unwrap(), "x: 1\n");
}
