//! An act of the roots on its way between them: a file that says what it does, and who has signed so
//! far. It holds no secret; what counts in it is the act alone, and the signatures vouch for that.

use std::path::Path;

use muster_log::{
    act::{Act, RootAct},
    codec,
    genesis::Genesis,
    operation::Operation,
};
use muster_node::{api::exit, daemon};
use serde_json::{Value as Json, json};

use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
};

const SCHEMA: &str = "muster.root-act/1";
/// The largest file that is read.
const MOST: u64 = 256 * 1024;

/// The act, with the incident whose roots it is of.
pub struct Paper {
    /// The incident.
    pub genesis: Genesis,
    /// The act.
    pub act: RootAct,
    /// What the device is called, as whoever began it says.
    label: String,
}

/// Something that should have worked.
pub fn failed(e: &dyn std::fmt::Display) -> Failure {
    Failure::new("failed", exit::FAILURE).with("why", e)
}

impl Paper {
    /// A new act, signed by nobody.
    pub fn new(genesis: Genesis, act: &Act, label: &str) -> Outcome<Self> {
        // Random: the same act on another day is another one.
        let mut salt = [0; 16];
        daemon::random(&mut salt);
        let act = RootAct::sign(&genesis.id(), salt, act, &[]).map_err(|e| failed(&e))?;
        Ok(Self {
            genesis,
            act,
            label: label.to_owned(),
        })
    }

    /// Reads one that somebody wrote.
    pub fn read(path: &Path) -> Outcome<Self> {
        let broken = |why: &dyn std::fmt::Display| {
            Failure::new("root-act-file", exit::REFUSED)
                .with("path", path.display())
                .with("why", why)
        };
        let file = |e: std::io::Error| Failure::file("read", path, &e);
        if std::fs::metadata(path).map_err(file)?.len() > MOST {
            return Err(broken(&"too large"));
        }
        let bytes = std::fs::read(path).map_err(file)?;
        let json: Json = serde_json::from_slice(&bytes).map_err(|e| broken(&e))?;
        let hex = |name: &str| hex::decode(render::text(&json, name)).map_err(|e| broken(&e));
        if render::text(&json, "schema") != SCHEMA {
            return Err(broken(&"another schema"));
        }
        let genesis = Genesis::from_bytes(&hex("genesis")?).map_err(|e| broken(&e))?;
        let operation = codec::decode::<Operation, { 64 * 1024 }>("root act", &hex("act")?);
        let act = match Act::read(&operation.map_err(|e| broken(&e))?) {
            Some(Ok(Act::Root(act))) if act.content().is_some() => act,
            _ => return Err(broken(&"no act of the roots")),
        };
        let label = render::text(&json, "label").chars().take(64).collect();
        Ok(Self {
            genesis,
            act,
            label,
        })
    }

    /// Writes it, in place of what bears the name.
    pub fn write(&self, path: &Path) -> Outcome<()> {
        let json = json!({
            "schema": SCHEMA,
            "genesis": hex::encode(self.genesis.to_bytes()),
            "act": self.operation()?,
            "label": self.label,
        });
        let part = path.with_extension("muster-part");
        std::fs::write(&part, format!("{json:#}\n"))
            .and_then(|()| std::fs::rename(&part, path))
            .map_err(|e| Failure::file("write", path, &e))
    }

    /// The act as the daemon takes it.
    pub fn operation(&self) -> Outcome<String> {
        let operation = Act::Root(self.act.clone()).write();
        let operation = operation.map_err(|e| failed(&e))?;
        Ok(hex::encode(codec::encode(&operation)))
    }

    /// What is known of it.
    pub fn json(&self) -> Json {
        let mut out = json!({
            "incident": self.genesis.id().hex(),
            "name": &*self.genesis.body().name,
            "threshold": self.genesis.body().threshold,
            "roots": self.act.signed_by(&self.genesis),
        });
        match self.act.content() {
            Some(Act::Admit(a)) => {
                out["what"] = json!("admit");
                out["device"] = json!(a.device.hex());
                out["label"] = json!(&*a.label);
                out["role"] = json!(a.role.code());
            }
            Some(Act::End(e)) => {
                out["what"] = json!("end");
                out["grant"] = json!(e.grant.hex());
                out["label"] = json!(self.label);
                out["why"] = json!(&*e.why);
            }
            _ => out["what"] = json!("other"),
        }
        out
    }

    /// What it does, for whoever is about to sign it.
    pub fn told(&self, c: &Context<'_>) -> String {
        let a = self.json();
        let label = render::text(&a, "label");
        let incident = render::text(&a, "name");
        match render::text(&a, "what") {
            "admit" => {
                let role = c.words.t(&format!("role-{}", render::text(&a, "role")));
                let id = render::id_short(render::text(&a, "device"));
                c.words.with(
                    "said-root-act-admit",
                    args![
                        "label" = label,
                        "role" = role,
                        "id" = id,
                        "incident" = incident
                    ],
                )
            }
            "end" => {
                let id = render::id_short(render::text(&a, "grant"));
                c.words.with(
                    "said-root-act-end",
                    args!["label" = label, "id" = id, "incident" = incident],
                )
            }
            _ => c.words.t("said-root-act-other"),
        }
    }
}
