//! The table of layers: for each crate, what its folders and the files next to them may import.
//! Those above import those below.

/// A crate.
#[derive(Debug)]
pub(super) struct Crate {
    /// Directory of its sources in the workspace.
    pub(super) directory: &'static str,
    pub(super) rooms: &'static [Room],
}

/// A folder of a crate, or a file next to its root.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: &'static str,
    /// The rooms that it may import.
    pub(super) imports: &'static [&'static str],
}

impl Crate {
    pub(super) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }
}

const fn room(name: &'static str, imports: &'static [&'static str]) -> Room {
    Room { name, imports }
}

pub(super) const CRATES: &[Crate] = &[
    Crate {
        directory: "crates/downhill/src",
        rooms: &[
            room("checkpoint", &["descent", "file"]),
            room("lbfgs", &["descent", "file", "hyperparameter"]),
            room("learner", &["module_optimizer", "descent"]),
            room(
                "optimizers",
                &[
                    "burn_optimizer",
                    "config",
                    "epsilon",
                    "formula",
                    "settings",
                    "hyperparameter",
                    "rule",
                    "weight_decay",
                ],
            ),
            room(
                "formula",
                &[
                    "hyperparameter",
                    "message",
                    "preset",
                    "rule",
                    "settings",
                    "similar",
                    "weight_decay",
                ],
            ),
            room("sam", &["descent", "hyperparameter"]),
            room("burn_optimizer", &["settings", "rule", "weight_decay"]),
            room(
                "call",
                &[
                    "descent",
                    "config",
                    "message",
                    "schedule",
                    "preset",
                    "similar",
                    "weight_decay",
                ],
            ),
            room(
                "config",
                &["custom", "settings", "preset", "hyperparameter", "rule"],
            ),
            room("custom", &["hyperparameter", "rule", "weight_decay"]),
            room("epsilon", &["rule"]),
            room("batch_statistics", &["descent"]),
            room("module_optimizer", &["descent", "rule"]),
            room(
                "descent",
                &[
                    "file",
                    "preset",
                    "schedule",
                    "hyperparameter",
                    "rule",
                    "weight_decay",
                ],
            ),
            room(
                "settings",
                &[
                    "preset",
                    "setters",
                    "hyperparameter",
                    "rule",
                    "weight_decay",
                ],
            ),
            room("file", &[]),
            room("message", &[]),
            room("preset", &[]),
            room("schedule", &["setters", "hyperparameter"]),
            room("setters", &[]),
            room("similar", &[]),
            room("hyperparameter", &[]),
            room("rule", &["weight_decay"]),
            room("weight_decay", &["hyperparameter", "rule"]),
        ],
    },
    Crate {
        directory: "crates/downhill-model/src",
        rooms: &[
            room("decay", &["ensemble"]),
            room(
                "gradient_check",
                &[
                    "autoencoder",
                    "fused",
                    "convolutional_network",
                    "loss",
                    "mlp",
                    "config",
                    "batch_norm",
                    "convolution",
                    "dropout",
                    "activation",
                    "initialization",
                    "invalid_model",
                ],
            ),
            room(
                "network",
                &[
                    "convolutional_network",
                    "mlp",
                    "config",
                    "dropout",
                    "invalid_model",
                ],
            ),
            room(
                "autoencoder",
                &[
                    "loss",
                    "mlp",
                    "config",
                    "dropout",
                    "activation",
                    "invalid_model",
                ],
            ),
            room(
                "ensemble",
                &["loss", "mlp", "batch_norm", "dropout", "activation"],
            ),
            room(
                "fused",
                &[
                    "convolutional_network",
                    "pixel_scale",
                    "mlp",
                    "batch_norm",
                    "convolution",
                    "dropout",
                    "activation",
                ],
            ),
            room(
                "convolutional_network",
                &["mlp", "config", "convolution", "dropout", "invalid_model"],
            ),
            room("loss", &[]),
            room("pixel_scale", &[]),
            room(
                "mlp",
                &[
                    "config",
                    "max_norm",
                    "batch_norm",
                    "dropout",
                    "activation",
                    "invalid_model",
                ],
            ),
            room(
                "config",
                &[
                    "batch_norm",
                    "convolution",
                    "dropout",
                    "activation",
                    "initialization",
                    "invalid_model",
                ],
            ),
            room("max_norm", &[]),
            room("batch_norm", &[]),
            room(
                "convolution",
                &["activation", "initialization", "invalid_model"],
            ),
            room("dropout", &["invalid_model"]),
            room("activation", &[]),
            room("initialization", &[]),
            room("invalid_model", &[]),
        ],
    },
    Crate {
        directory: "crates/downhill-data/src",
        rooms: &[
            room("order", &["stream", "error"]),
            room("named", &["pair", "source", "error"]),
            room(
                "pair",
                &[
                    "folder",
                    "idx",
                    "image_set",
                    "source",
                    "identity",
                    "error",
                    "kind",
                ],
            ),
            room("folder", &["error", "kind"]),
            room("split", &["stream", "error"]),
            room("image_set", &["idx", "error"]),
            room("idx", &["error", "kind"]),
            room("source", &["gzip", "idx", "identity", "error", "kind"]),
            room("stream", &[]),
            room("gzip", &["error"]),
            room("identity", &[]),
            room("error", &["kind"]),
            room("kind", &[]),
        ],
    },
    Crate {
        directory: "crates/downhill-report/src",
        rooms: &[
            room(
                "pages",
                &[
                    "export",
                    "findings",
                    "figures",
                    "tables",
                    "drawing",
                    "summary",
                    "experiment",
                    "record",
                    "text",
                    "statistics",
                ],
            ),
            room("export", &["summary", "experiment", "record", "statistics"]),
            room(
                "findings",
                &["summary", "experiment", "record", "text", "statistics"],
            ),
            room(
                "figures",
                &[
                    "drawing",
                    "tables",
                    "summary",
                    "experiment",
                    "record",
                    "text",
                    "statistics",
                ],
            ),
            room("drawing", &["text", "statistics"]),
            room("tables", &["summary", "experiment", "text", "statistics"]),
            room("summary", &["experiment", "record", "text", "statistics"]),
            room("experiment", &["record"]),
            room("record", &[]),
            room("text", &["statistics"]),
            room("statistics", &[]),
        ],
    },
    Crate {
        directory: "crates/downhill-sample/src",
        rooms: &[room("kinds", &[]), room("records", &[])],
    },
    Crate {
        directory: "crates/downhill-trainer/src",
        rooms: &[
            room(
                "laboratory",
                &["commands", "runs", "done", "config", "code", "error"],
            ),
            room(
                "commands",
                &[
                    "experiments",
                    "done",
                    "runs",
                    "training",
                    "weights",
                    "plan",
                    "device",
                    "config",
                    "code",
                    "error",
                ],
            ),
            room(
                "experiments",
                &["done", "runs", "plan", "device", "config", "code", "error"],
            ),
            room("done", &[]),
            room(
                "runs",
                &[
                    "training", "weights", "plan", "device", "config", "code", "error",
                ],
            ),
            room("training", &["plan", "device", "config", "error"]),
            room("weights", &["config", "error"]),
            room("plan", &["device", "config", "code", "error"]),
            room("device", &["config", "error"]),
            room("config", &["error"]),
            room("code", &["error"]),
            room("error", &[]),
        ],
    },
    Crate {
        directory: "crates/downhill-cli/src",
        rooms: &[
            room("bench", &["backend"]),
            room("commands", &["new", "train", "backend"]),
            room("environment", &["commands", "print"]),
            room("interpreters", &[]),
            room("new", &["repeat"]),
            room("print", &[]),
            room("repeat", &["train"]),
            room("train", &["backend", "checkpoint"]),
            room("checkpoint", &[]),
            room("backend", &[]),
        ],
    },
    Crate {
        directory: "crates/downhill-bench/src",
        rooms: &[
            room(
                "instructions",
                &[
                    "suites",
                    "training",
                    "contender",
                    "data",
                    "workload",
                    "failure",
                ],
            ),
            room(
                "suites",
                &[
                    "floor",
                    "optimizers",
                    "peer",
                    "report",
                    "table",
                    "serve",
                    "statistics",
                    "training",
                    "contender",
                    "data",
                    "temporary",
                    "workload",
                    "failure",
                ],
            ),
            room("floor", &["contender", "data", "workload", "failure"]),
            room("optimizers", &[]),
            room("peer", &["serve", "contender", "workload", "failure"]),
            room("report", &["machine", "failure"]),
            room("table", &["statistics", "contender"]),
            room("machine", &[]),
            room(
                "serve",
                &["training", "contender", "data", "workload", "failure"],
            ),
            room("statistics", &[]),
            room("training", &["contender", "data", "workload", "failure"]),
            room("contender", &["failure"]),
            room("data", &["temporary", "workload", "failure"]),
            room("temporary", &[]),
            room("workload", &["failure"]),
            room("failure", &[]),
        ],
    },
    Crate {
        directory: "xtask/src",
        rooms: &[
            room("bench", &["train", "cargo"]),
            room(
                "check",
                &["interface", "layers", "lines", "test", "cargo", "say"],
            ),
            room("data", &["cargo", "say"]),
            room("reading", &["train"]),
            room("interface", &["cargo"]),
            room("layers", &["cargo"]),
            room("lines", &["cargo"]),
            room("new", &["say"]),
            room(
                "test",
                &[
                    "round_trips",
                    "fuzz",
                    "vulkan",
                    "part",
                    "cargo",
                    "say",
                    "summary",
                ],
            ),
            room("train", &["vulkan", "cargo", "say"]),
            room("round_trips", &["part", "cargo", "say", "summary"]),
            room("vulkan", &["cargo", "say"]),
            room("part", &["cargo", "say", "summary"]),
            room("fuzz", &["cargo"]),
            room("cargo", &[]),
            room("say", &[]),
            room("summary", &[]),
        ],
    },
];
