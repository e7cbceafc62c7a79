//! The drill of docs/lost-laptop.md, typed as it stands there, by a shell at a terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};

use muster_tests::muster::binary;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The shell and all that it started, which does not outlive the test.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        // The group's id is the shell's; whoever is gone already is no matter.
        let group = format!("-{}", self.0.id());
        let _gone = Command::new("kill").args(["-KILL", "--", &group]).output();
        let _reaped = self.0.wait();
    }
}

/// What the page says to type in the drill, with other ports: these may be taken.
fn commands() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/lost-laptop.md")).unwrap();
    let drill = page.split("\n## The drill\n").nth(1).expect("the drill");
    let drill = drill.split("\n---\n").next().unwrap();
    let blocks: Vec<&str> = drill
        .split("\n```sh\n")
        .skip(1)
        .map(|b| b.split("\n```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 6, "only {} blocks", blocks.len());
    let mut out = blocks.join("\n");
    // All three held at once, so that they differ.
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    for (port, listener) in ["4701", "4702", "4703"].iter().zip(&free) {
        let port_here = listener.local_addr().unwrap().port().to_string();
        assert!(out.contains(&format!("/tcp/{port}")), "{port}");
        out = out.replace(&format!("/tcp/{port}"), &format!("/tcp/{port_here}"));
    }
    out
}

/// Runs a script at a terminal, in `root`; types what comes after `told` where `asks` is shown.
fn at_a_terminal(root: &Path, script: &str, told: &str, asks: &str) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let bin = root.join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(std::fs::canonicalize(binary()).unwrap(), bin.join("muster"))
        .unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("MUSTER_") || name.starts_with("XDG_") || name.starts_with("LC_") {
            command.env_remove(name);
        }
    }
    command
        .args(["-c", script])
        .current_dir(root)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", root)
        .env("LANG", "C.UTF-8")
        .process_group(0)
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs);
    let mut shell = Shell(command.spawn().unwrap());
    drop(command);
    let mut ours = File::from(ours);
    let (mut shown, mut byte, mut typed) = (Vec::new(), [0; 1], false);
    while ours.read(&mut byte).is_ok_and(|n| n == 1) {
        shown.push(byte[0]);
        if !typed && shown.ends_with(asks.as_bytes()) {
            let so_far = String::from_utf8_lossy(&shown).into_owned();
            let after = so_far.split(told).nth(1).expect("it was told");
            writeln!(ours, "{}", after.split_whitespace().next().unwrap()).unwrap();
            typed = true;
        }
        if shown.ends_with(b"THE END\r\n") {
            break;
        }
    }
    let _code = shell.0.wait();
    String::from_utf8(shown).unwrap().replace('\r', "")
}

#[test]
fn the_drill_goes_as_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    let script = format!(
        "trap 'echo \"ENDED WITH $?: $BASH_COMMAND\"' ERR\n{}\necho THE END\n",
        commands()
    );
    let shown = at_a_terminal(
        root.path(),
        &script,
        "shown this once: ",
        "Passphrase of gym.recovery.age: ",
    );
    println!("{shown}");
    let failed: Vec<_> = shown.lines().filter(|l| l.starts_with("ENDED")).collect();
    let [failed] = failed[..] else {
        panic!("one command times out, and the others succeed: {failed:#?}");
    };
    assert!(failed.starts_with("ENDED WITH 8: ") && failed.contains("revoke Van"));
    // In this order.
    let mut rest = shown.as_str();
    for sentence in [
        "Keys that would be replaced: C1, C2\n",
        "Van is revoked.\n",
        "Has heard: Gym. Has not heard yet, as far as is known here: Camp.\n",
        "Every member has heard.\n",
        "Blankets for the chapel",
        "TROUBLE: this device has no valid grant",
        "Van: one entry adopted, 0 still disputed.\n",
        "Van is a member again, as volunteer.\n",
        "Written by the thief",
        "Camp is headquarters by the roots.",
        "Gym is revoked.\n",
        "Gym: revoked by Camp (headquarters). Why: headquarters was taken.",
        "THE END",
    ] {
        let at = rest.find(sentence);
        rest = &rest[at.unwrap_or_else(|| panic!("{sentence:?} is missing or too early"))..];
    }
    let said = shown.matches("Written by the thief").count();
    assert_eq!(said, 1, "listed once it counts, and not before");
    assert!(!root.path().join("muster-drill").exists(), "it tidies up");
}
