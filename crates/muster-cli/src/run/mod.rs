//! Every verb: which words lead to which function.

mod bundle;
mod demo;
mod headquarters;
mod import;
mod maintain;
mod objects;
mod pair;
mod setup;
mod simple;

use clap::ArgMatches;
use muster_node::api::{Request, exit};
use muster_store::Unlock;

use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
    settings::Settings,
};

/// Starts logging to stderr: the daemon's at its level, others' only what is wrong.
pub fn logging(settings: &Settings, daemon: bool) -> Outcome<()> {
    let filter = if daemon || std::env::var_os("MUSTER_LOG").is_some() {
        settings.log.value.clone()
    } else {
        "error".to_owned()
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&filter).map_err(|e| {
        Failure::new("config-wrong", exit::USAGE)
            .with("path", "log")
            .with("why", e)
    })?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(
            std::env::var_os("NO_COLOR").is_none()
                && std::io::IsTerminal::is_terminal(&std::io::stderr()),
        )
        .try_init();
    Ok(())
}

/// What opens the data directory, by the command line.
pub fn unlock(context: &Context<'_>) -> Outcome<Unlock> {
    if let Some(path) = context.all.get_one::<String>("passphrase-file") {
        let path = std::path::Path::new(path);
        let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
        let text = zeroize::Zeroizing::new(text);
        let line = text.lines().next().unwrap_or_default().to_owned();
        if line.is_empty() {
            return Err(Failure::new("passphrase-empty", exit::USAGE).with("path", path.display()));
        }
        return Ok(Unlock::Passphrase(zeroize::Zeroizing::new(line)));
    }
    Ok(match context.all.get_one::<String>("key-file") {
        Some(path) => Unlock::KeyFile(path.into()),
        None => Unlock::DefaultKeyFile,
    })
}

/// Runs a verb. Gives the exit code.
pub fn dispatch(context: &Context<'_>, verb: &[&str], m: &ArgMatches) -> Outcome<u8> {
    match verb {
        ["init"] => setup::init(context, m),
        ["join"] => setup::join(context, m),
        ["invite"] => pair::invite(context, m),
        ["admit"] => setup::admit(context, m),
        ["daemon"] => setup::daemon(context, m),
        ["demo"] => demo::demo(context, m),
        ["sample"] => demo::sample(context, m),
        ["status"] => ask(context, "status", Request::Status, render::status::status),
        ["digest"] => ask(context, "digest", Request::Digest, render::status::digest),
        ["peers"] => ask(context, "peers", Request::Peers, render::status::peers),
        ["devices"] => ask(
            context,
            "devices",
            Request::Devices,
            render::status::devices,
        ),
        ["stop"] => ask(context, "stop", Request::Stop, |c, _| {
            c.words.t("said-stopping")
        }),
        ["doctor"] => maintain::doctor(context),
        ["verify"] => maintain::verify(context, m),
        ["repair"] => maintain::repair(context),
        ["operator"] => simple::operator(context, m),
        ["assign"] => simple::assign(context, m),
        ["offer", "answer"] => simple::answer(context, m),
        ["checkin"] => simple::checkin(context, m),
        ["checkout"] => simple::checkout(context, m),
        ["find"] => simple::find(context, m),
        ["conflicts"] => ask(
            context,
            "conflicts",
            Request::Conflicts,
            render::conflicts::conflicts,
        ),
        ["settle"] => simple::settle(context, m),
        ["network"] => {
            let offline = required(m, "state")? == "off";
            let said = if offline {
                "said-offline"
            } else {
                "said-online"
            };
            ask(context, "network", Request::Network { offline }, |c, _| {
                c.words.t(said)
            })
        }
        ["sync"] => simple::sync(context, m),
        ["log"] => simple::log(context, m),
        ["history"] => simple::history(context, m),
        ["watch"] => simple::watch(context),
        ["import"] => import::import(context, m),
        ["hq", "import"] => headquarters::import(context, m),
        ["hq", "export"] => headquarters::export(context, m),
        ["bundle", "export"] => bundle::export(context, m),
        ["bundle", "import"] => bundle::import(context, m),
        ["bundle", "inspect"] => bundle::inspect(context, m),

        ["config", "show"] => {
            let answer = serde_json::json!({ "settings": context.settings.json() });
            context.answer("config.show", answer, render::status::settings);
            Ok(0)
        }
        ["completions"] => simple::completions(context, m),
        ["man"] => simple::man(context),
        [kind, rest @ ..] => match (args::kind_of(kind), rest) {
            (Some(kind), [what]) => objects::run(context, kind, what, m),
            _ => Err(Failure::new("no-such-verb", exit::USAGE).with("verb", verb.join(" "))),
        },
        [] => Err(Failure::new("no-such-verb", exit::USAGE).with("verb", "")),
    }
}

/// A verb that is one question to the daemon.
pub fn ask(
    context: &Context<'_>,
    verb: &str,
    request: Request,
    text: impl FnOnce(&Context<'_>, &serde_json::Value) -> String,
) -> Outcome<u8> {
    let answer = context.client()?.call(&request)?;
    context.answer(verb, answer, text);
    Ok(0)
}

/// A text argument that may be absent.
pub fn text(m: &ArgMatches, name: &str) -> Option<String> {
    m.try_get_one::<String>(name).ok().flatten().cloned()
}

/// A text argument that clap has made sure of.
pub fn required(m: &ArgMatches, name: &str) -> Outcome<String> {
    text(m, name).ok_or_else(|| Failure::new("missing-argument", exit::USAGE).with("name", name))
}
