//! Settings and where each came from: flag, environment, file, default, in that order.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgMatches, parser::ValueSource};
use muster_node::api::exit;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::failure::{Failure, Outcome};

/// The file, as it may be written. An unknown key is an error.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    data: Option<PathBuf>,
    anchors: Option<PathBuf>,
    lang: Option<String>,
    log: Option<String>,
    #[serde(default)]
    lock: LockFile,
    #[serde(default)]
    disk: DiskFile,
    #[serde(default)]
    network: NetworkFile,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LockFile {
    after: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DiskFile {
    reserve: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NetworkFile {
    listen: Option<Vec<String>>,
    peers: Option<Vec<String>>,
    discovery: Option<bool>,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// A `MUSTER_*` variable.
    Environment,
    /// The settings file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl Origin {
    fn text(&self) -> String {
        match self {
            Self::Flag => "flag".into(),
            Self::Environment => "environment".into(),
            Self::File(path) => format!("file {}", path.display()),
            Self::Default => "default".into(),
        }
    }
}

/// A setting with its origin.
#[derive(Debug, Clone)]
pub struct Setting<T> {
    /// What it is.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data: Setting<PathBuf>,
    /// The folder for what vouches for data directories from outside.
    pub anchors: Setting<PathBuf>,
    /// Addresses to listen on.
    pub listen: Setting<Vec<String>>,
    /// Addresses of peers.
    pub peers: Setting<Vec<String>>,
    /// Whether peers are looked for.
    pub discovery: Setting<bool>,
    /// After how long without a command everything is locked; `off`: never.
    pub lock_after: Setting<String>,
    /// What the disk keeps free of what other devices send; `auto`: by its size.
    pub reserve: Setting<String>,
    /// What is logged.
    pub log: Setting<String>,
    /// The language of text, where the settings file names one.
    pub lang: Option<Setting<String>>,
}

const LISTEN: [&str; 4] = [
    "/ip4/0.0.0.0/tcp/0",
    "/ip4/0.0.0.0/udp/0/quic-v1",
    "/ip6/::/tcp/0",
    "/ip6/::/udp/0/quic-v1",
];

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn default_data() -> PathBuf {
    match (env("XDG_DATA_HOME"), env("HOME")) {
        (Some(data), _) => Path::new(&data).join("muster"),
        (None, Some(home)) => Path::new(&home).join(".local/share/muster"),
        (None, None) => PathBuf::from("/var/lib/muster"),
    }
}

/// State, not data: a backup of a person's data leaves it out. A home that does not exist, as
/// services often have, is not made.
fn default_anchors() -> PathBuf {
    let home = env("HOME").map(PathBuf::from).filter(|h| h.is_dir());
    match (env("XDG_STATE_HOME"), home) {
        (Some(state), _) => Path::new(&state).join("muster/anchors"),
        (None, Some(home)) => home.join(".local/state/muster/anchors"),
        (None, None) => PathBuf::from("/var/lib/muster-anchors"),
    }
}

fn read_file(matches: &ArgMatches) -> Outcome<(Option<PathBuf>, File)> {
    let named = matches.get_one::<String>("config").map(PathBuf::from);
    let home = env("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| env("HOME").map(|h| Path::new(&h).join(".config")));
    let usual = home
        .map(|h| h.join("muster/muster.toml"))
        .into_iter()
        .chain([PathBuf::from("/etc/muster/muster.toml")])
        .find(|p| p.exists());
    let Some(path) = named.or(usual) else {
        return Ok((None, File::default()));
    };
    let text = std::fs::read_to_string(&path).map_err(|e| Failure::file("read", &path, &e))?;
    let file = toml::from_str(&text).map_err(|e| {
        Failure::new("config-wrong", exit::USAGE)
            .with("path", path.display())
            .with("why", e)
    })?;
    Ok((Some(path), file))
}

/// Picks the strongest of what was said.
fn pick<T>(
    flag: Option<T>,
    env: Option<T>,
    file: Option<T>,
    path: &Option<PathBuf>,
    default: T,
) -> Setting<T> {
    if let Some(value) = flag {
        return Setting {
            value,
            origin: Origin::Flag,
        };
    }
    if let Some(value) = env {
        return Setting {
            value,
            origin: Origin::Environment,
        };
    }
    match (file, path) {
        (Some(value), Some(path)) => Setting {
            value,
            origin: Origin::File(path.clone()),
        },
        _ => Setting {
            value: default,
            origin: Origin::Default,
        },
    }
}

fn list(text: String) -> Vec<String> {
    text.split([',', ' '])
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `90s`, `15m`, `2h`; `off` is none.
fn duration(text: &str) -> Option<Option<Duration>> {
    let text = text.trim();
    if matches!(text, "off" | "no" | "0") {
        return Some(None);
    }
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok()?.checked_mul(seconds)?;
    (seconds > 0).then(|| Some(Duration::from_secs(seconds.into())))
}

/// `512M`, `2G`; `off` is 0, `auto` none.
fn size(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    match text {
        "auto" => return Some(None),
        "off" | "no" | "0" => return Some(Some(0)),
        _ => {}
    }
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let bytes: u64 = match unit {
        "M" | "MB" | "MiB" => 1 << 20,
        "G" | "GB" | "GiB" => 1 << 30,
        _ => return None,
    };
    Some(Some(u64::from(number.parse::<u32>().ok()?) * bytes))
}

impl Settings {
    /// What the disk keeps free.
    pub fn reserve(&self) -> Outcome<Option<u64>> {
        let Setting { value, origin } = &self.reserve;
        size(value).ok_or_else(|| {
            Failure::new("size-wrong", exit::USAGE)
                .with("given", value)
                .with("origin", origin.text())
        })
    }

    /// After how long everything is locked.
    pub fn lock_after(&self) -> Outcome<Option<Duration>> {
        let Setting { value, origin } = &self.lock_after;
        duration(value).ok_or_else(|| {
            Failure::new("duration-wrong", exit::USAGE)
                .with("given", value)
                .with("origin", origin.text())
        })
    }

    /// Reads everything; `verb` is the verb's own matches.
    pub fn read(matches: &ArgMatches, verb: &ArgMatches) -> Outcome<Self> {
        let (path, file) = read_file(matches)?;
        let from_env = matches.value_source("data") == Some(ValueSource::EnvVariable);
        let data = matches.get_one::<String>("data").map(PathBuf::from);
        let (flag_data, env_data) = if from_env { (None, data) } else { (data, None) };
        let many = |name: &str| {
            let given = verb.try_get_many::<String>(name).ok().flatten()?;
            Some(given.cloned().collect::<Vec<_>>())
        };
        let off = verb
            .try_get_one::<bool>("no-discovery")
            .ok()
            .flatten()
            .copied()
            .unwrap_or(false);
        let yes = |text: String| !matches!(text.as_str(), "0" | "no" | "false" | "off");
        Ok(Self {
            data: pick(flag_data, env_data, file.data, &path, default_data()),
            anchors: pick(
                None,
                env("MUSTER_ANCHORS").map(PathBuf::from),
                file.anchors,
                &path,
                default_anchors(),
            ),
            listen: pick(
                many("listen"),
                env("MUSTER_LISTEN").map(list),
                file.network.listen,
                &path,
                LISTEN.map(str::to_owned).to_vec(),
            ),
            peers: pick(
                many("peer"),
                env("MUSTER_PEERS").map(list),
                file.network.peers,
                &path,
                Vec::new(),
            ),
            discovery: pick(
                off.then_some(false),
                env("MUSTER_DISCOVERY").map(yes),
                file.network.discovery,
                &path,
                true,
            ),
            lock_after: pick(
                verb.try_get_one::<String>("auto-lock")
                    .ok()
                    .flatten()
                    .cloned(),
                env("MUSTER_AUTO_LOCK"),
                file.lock.after,
                &path,
                "off".to_owned(),
            ),
            reserve: pick(
                None,
                env("MUSTER_RESERVE"),
                file.disk.reserve,
                &path,
                "auto".to_owned(),
            ),
            lang: file.lang.zip(path.clone()).map(|(value, path)| Setting {
                value,
                origin: Origin::File(path),
            }),
            log: pick(
                None,
                env("MUSTER_LOG"),
                file.log,
                &path,
                "warn,muster=info".to_owned(),
            ),
        })
    }

    /// The settings as an object: each with its value and its origin.
    pub fn json(&self) -> Json {
        fn one<T: serde::Serialize>(setting: &Setting<T>) -> Json {
            json!({ "value": setting.value, "origin": setting.origin.text() })
        }
        json!({
            "data": one(&self.data),
            "anchors": one(&self.anchors),
            "network.listen": one(&self.listen),
            "network.peers": one(&self.peers),
            "network.discovery": one(&self.discovery),
            "lock.after": one(&self.lock_after),
            "disk.reserve": one(&self.reserve),
            "log": one(&self.log),
            "lang": self.lang.as_ref().map(one),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(size("512M"), Some(Some(512 << 20)));
        assert_eq!(size(" 2GiB "), Some(Some(2 << 30)));
        assert_eq!(size("off"), Some(Some(0)));
        assert_eq!(size("auto"), Some(None));
        for wrong in ["", "512", "M", "-1M", "1.5G", "5 M", "99999999999G", "3T"] {
            assert_eq!(size(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn durations_are_read_or_refused() {
        let seconds = |s| Some(Some(Duration::from_secs(s)));
        assert_eq!(duration("90s"), seconds(90));
        assert_eq!(duration(" 15m "), seconds(900));
        assert_eq!(duration("2h"), seconds(7200));
        assert_eq!(duration("off"), Some(None));
        for wrong in ["", "15", "m", "-5m", "5 m", "1.5h", "0m", "99999999h", "5d"] {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }
}
