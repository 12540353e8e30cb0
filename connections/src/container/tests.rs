//! Tests against a stand-in for `docker` that runs the container's command here.

use cutover_engine::world::collect;

use super::*;

/// Takes `exec [-i] [-e NAME]... CONTAINER` off and runs the rest in a session of its own, as an engine's daemon would: killing
/// the client does not end it.
const DOCKER: &str = r#"#!/bin/sh
[ "$1" = exec ] || exit 125
shift
while :; do
    case $1 in
        -i) shift ;;
        -e) shift 2 ;;
        *) break ;;
    esac
done
[ "$1" = kind-worker ] || { echo "Error response from daemon: No such container: $1" >&2; exit 1; }
shift
exec setsid -w "$@"
"#;

fn stand_in() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker");
    // Another process writes it: what this one has open for writing may be open in a program that another test starts meanwhile, and
    // then the kernel refuses to start it ("Text file busy").
    let mut writer = std::process::Command::new("/bin/sh");
    writer.args(["-c", "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", DOCKER]).arg(&path);
    assert!(writer.status().unwrap().success());
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[tokio::test]
async fn a_command_runs_with_its_input_variables_and_exit_code() {
    let (_folder, engine) = stand_in();
    let container = Container::new(engine, "kind-worker".to_owned(), Duration::from_secs(20), Endings::default());
    let mut command = Command::new(["sh", "-c", "cat; printf %s \"$SECRET\"; pwd >&2; exit 3"]).stdin("in\n");
    command.env.insert("SECRET".to_owned(), "a 'b'".to_owned());
    command.cwd = Some("/usr".to_owned());
    let output = collect(&container, &command).await.unwrap();
    assert_eq!((output.exit, output.stdout.as_str(), output.stderr.as_str()), (Exit::Code(3), "in\na 'b'", "/usr\n"));
    let argv = container.argv(&command, &["true".to_owned()]);
    assert_eq!(argv, ["exec", "-i", "-e", "SECRET", "kind-worker", "true"]);
}

#[tokio::test]
async fn a_container_that_is_not_there_is_unreachable() {
    let (_folder, engine) = stand_in();
    let container = Container::new(engine, "gone".to_owned(), Duration::from_secs(20), Endings::default());
    let fault = collect(&container, &Command::new(["true"])).await.unwrap_err();
    assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains("No such container: gone")), "{fault}");
}

#[tokio::test]
async fn dropping_it_ends_what_runs_in_the_container() {
    let (folder, engine) = stand_in();
    let pid = folder.path().join("pid");
    let container = Container::new(engine, "kind-worker".to_owned(), Duration::from_secs(60), Endings::default());
    let script = format!("echo $$ > {}; sleep 50", pid.display());
    let command = Command::new(["sh", "-c", &script]);
    let mut running = Box::pin(collect(&container, &command));
    let written = async {
        while !std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        () = written => drop(running),
    }
    let process = format!("/proc/{}", std::fs::read_to_string(&pid).unwrap().trim());
    for _ in 0..100 {
        if !std::path::Path::new(&process).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{process} still runs");
}
