//! The store on ext4 in a file, and what a power cut would leave of it: the image is taken while a
//! daemon acknowledges writes, and each image is mounted and opened.
//!
//! What an image is: all that ext4 had handed to its block device at one instant. What was in the
//! page cache alone is not in it, so an acknowledgement without a sync is seen (`CONTROL` shows that
//! it is). The daemon stands still while its image is taken, and an image counts only when a second
//! reading gives the same bytes: it is of one instant, between two system calls of the daemon.
//!
//! What it does not show: a disk that keeps what it was given in a cache of its own and loses it
//! (flushes do nothing to this image), and instants within a sync. For those there is the fake file
//! system of `muster-store`, which tears and drops at every call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_tests::muster::{Device, PATIENCE, add_request, signal, until};
use muster_tests::random::Random;

/// Images taken.
const IMAGES: usize = 20;
const IMAGE_BYTES: u64 = 48 << 20;
/// A file that is written and "acknowledged" without a sync.
const CONTROL: &str = "control";

/// Runs a program that must succeed.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new(program).args(arguments).output();
    match ran {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!(
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        )),
        Err(e) => Err(format!("{program}: {e}")),
    }
}

/// An image, mounted; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, at: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&at).unwrap();
        let [image, on] = [image, &at].map(|p| p.to_str().unwrap());
        run("mount", &["-o", "loop", image, on])?;
        Ok(Self(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let at = self.0.to_str().unwrap();
        // What still uses it for a moment keeps it until it is done.
        if run("umount", &[at]).is_err() {
            let _late = run("umount", &["--lazy", at]);
        }
    }
}

/// A fresh ext4 in a file, mounted. None where loop mounts are not permitted and the test was told
/// to do without.
fn ext4(root: &Path) -> Option<(PathBuf, Mount)> {
    let image = root.join("disk.img");
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(IMAGE_BYTES).unwrap();
    let made = run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()])
        .and_then(|()| Mount::new(&image, root.join("disk")));
    match made {
        Ok(mount) => Some((image, mount)),
        Err(why) if std::env::var_os("MUSTER_NO_LOOP").is_some_and(|v| v == "1") => {
            println!("not run: no loop mounts here ({why})");
            None
        }
        Err(why) => panic!("no loop mounts here ({why}); set MUSTER_NO_LOOP=1 to do without"),
    }
}

/// The image at one instant. The kernel may write by itself meanwhile: then once more.
fn snapshot(image: &Path, again: &mut usize) -> Vec<u8> {
    let mut last = std::fs::read(image).unwrap();
    loop {
        let next = std::fs::read(image).unwrap();
        if next == last {
            return next;
        }
        *again += 1;
        last = next;
    }
}

/// What was acknowledged so far.
#[derive(Default)]
struct Told {
    needs: Vec<String>,
    /// Lines of the control file.
    control: usize,
}

/// Opens what a snapshot holds, and counts what is missing of what was told before it was taken.
fn inspect(root: &Path, image: &[u8], told: &Told) -> (usize, usize) {
    let copy = root.join("copy.img");
    std::fs::write(&copy, image).unwrap();
    let mount = Mount::new(&copy, root.join("copy")).expect("the copy mounts");
    let mut gym = Device::at(mount.0.join("gym"));
    gym.start();
    let there: BTreeSet<String> = gym
        .door()
        .list("need")
        .iter()
        .map(|n| n["id"].as_str().unwrap().to_owned())
        .collect();
    let lost = told.needs.iter().filter(|id| !there.contains(*id)).count();
    // It goes on from there.
    gym.door().add("need", &[("title", "afterwards")]);
    assert_eq!(gym.stop(), Some(0));
    let verified = gym.run(["verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let control = std::fs::read_to_string(mount.0.join(CONTROL)).unwrap_or_default();
    let lines = control.lines().filter(|l| l.ends_with('.')).count();
    (lost, told.control.saturating_sub(lines))
}

#[test]
fn what_was_acknowledged_is_in_every_image() {
    let root = tempfile::tempdir().unwrap();
    let Some((image, disk)) = ext4(root.path()) else {
        return;
    };
    let mut random = Random::seeded("loop image", 1);
    let mut gym = Device::found(&disk.0, "gym");
    gym.start();
    let (told, stop) = (Mutex::new(Told::default()), AtomicBool::new(false));
    let (mut lost, mut control, mut again, mut most) = (0, 0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut door = gym.door();
            let mut file = std::fs::File::create(disk.0.join(CONTROL)).unwrap();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let request = add_request("need", &[("title", &format!("need {n}"))]);
                let id = door.ok(&request)["id"].as_str().unwrap().to_owned();
                told.lock().unwrap().needs.push(id);
                writeln!(file, "line {n}.").unwrap();
                told.lock().unwrap().control += 1;
            }
        });
        // Whatever fails below must not leave the writer waiting for a daemon that stands still.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..IMAGES {
                let before = told.lock().unwrap().needs.len();
                until(PATIENCE, || {
                    (told.lock().unwrap().needs.len() > before + 5).then_some(())
                })
                .expect("writes go on");
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
                let so_far = {
                    let told = told.lock().unwrap();
                    Told {
                        needs: told.needs.clone(),
                        control: told.control,
                    }
                };
                signal(gym.pid(), "STOP");
                let bytes = snapshot(&image, &mut again);
                signal(gym.pid(), "CONT");
                let (needs, lines) = inspect(root.path(), &bytes, &so_far);
                lost += needs;
                control += lines;
                most = so_far.needs.len();
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    assert_eq!(gym.stop(), Some(0));
    println!(
        "{IMAGES} images ({again} read again), the last after {most} acknowledged writes; \
         acknowledged entries lost: {lost}, unopenable: 0; of the unsynced control file {control} \
         lines are missing"
    );
    assert_eq!(lost, 0);
    assert!(control > 0, "an image holds what was never synced");
}
