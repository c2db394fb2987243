//! `protogen sweep plan`: the job file for a scheduler that is there already.

use clap::{Args, ValueEnum};

use crate::cli::{Failure, print_to_stdout};

use super::{SweepArgs, WindowName};

/// `protogen sweep plan`
#[derive(Debug, Args)]
pub struct SweepPlanArgs {
    #[command(flatten)]
    what: SweepArgs,
    /// For which scheduler
    #[arg(long, value_enum)]
    emit: Scheduler,
    /// Into how many parts the sweep is cut
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    parts: u16,
    /// Container image with protogen (kubernetes)
    #[arg(long, default_value = concat!("protogen:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// Persistent volume claim, mounted as the working folder (kubernetes)
    #[arg(long, default_value = "protogen")]
    claim: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    /// GNU parallel, on one machine or over ssh
    Parallel,
    /// A Slurm job array
    Slurm,
    /// A Kubernetes indexed job
    Kubernetes,
}

impl SweepPlanArgs {
    /// Prints the job file. The sweep is planned first, so that a job file is only printed for one that runs.
    pub fn run(&self) -> Result<(), Failure> {
        let planned = self.what.plan_sweep()?;
        let run = self.what.shell_command();
        let merge = format!("protogen sweep merge {}", shell_quote(&planned.folder.to_string_lossy()));
        let (parts, id) = (self.parts, planned.manifest.id());
        let sets = planned.manifest.tasks.len();
        let note = format!(
            "{sets} sets of {} in {parts} parts; a part run twice is harmless.",
            planned.manifest.scenario
        );
        print_to_stdout(&match self.emit {
            Scheduler::Parallel => format!(
                "#!/bin/sh\n# {note}\nset -e\nparallel --retries 3 {} ::: $(seq {parts})\n{merge}\n",
                shell_quote(&format!("{run} --threads 1 --shard {{}}/{parts}"))
            ),
            Scheduler::Slurm => format!(
                "#!/bin/bash\n# {note}\n# Afterwards: {merge}\n#SBATCH --job-name=sweep-{id}\n#SBATCH --array=1-{parts}\n\
                 #SBATCH --requeue\n#SBATCH --open-mode=append\nexec {run} --shard \"$SLURM_ARRAY_TASK_ID/{parts}\"\n"
            ),
            Scheduler::Kubernetes => self.kubernetes_job(&note, &merge, &run, &id),
        })
    }

    fn kubernetes_job(&self, note: &str, merge: &str, run: &str, id: &str) -> String {
        let parts = self.parts;
        let script = format!("exec {run} --shard $((JOB_COMPLETION_INDEX + 1))/{parts}");
        // JSON text is YAML text.
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let (image, command, claim) = (text(&self.image), text(&script), text(&self.claim));
        let lines = [
            format!("# {note}"),
            format!("# Afterwards, on the same volume: {merge}"),
            "apiVersion: batch/v1".into(),
            "kind: Job".into(),
            format!("metadata: {{ name: sweep-{id} }}"),
            "spec:".into(),
            "  completionMode: Indexed".into(),
            format!("  completions: {parts}"),
            format!("  parallelism: {parts}"),
            "  backoffLimitPerIndex: 3".into(),
            "  template:".into(),
            "    spec:".into(),
            "      restartPolicy: Never".into(),
            "      containers:".into(),
            "      - name: sweep".into(),
            format!("        image: {image}"),
            "        workingDir: /work".into(),
            format!("        command: [\"/bin/sh\", \"-c\", {command}]"),
            "        volumeMounts: [{ name: work, mountPath: /work }]".into(),
            format!("      volumes: [{{ name: work, persistentVolumeClaim: {{ claimName: {claim} }} }}]"),
        ];
        lines.join("\n") + "\n"
    }
}

impl SweepArgs {
    /// The command that runs it, for a shell.
    fn shell_command(&self) -> String {
        let mut words =
            vec!["protogen sweep".to_owned(), shell_quote(&self.scenario_path().to_string_lossy())];
        let mut option = |name: &str, value: &str| words.push(format!("--{name} {}", shell_quote(value)));
        self.grid.iter().for_each(|text| option("grid", text));
        self.random.iter().for_each(|text| option("random", text));
        if self.draws > 0 {
            option("draws", &self.draws.to_string());
        }
        if let Some(seed) = self.seed {
            option("seed", &seed.to_string());
        }
        option(
            "walk-forward",
            if self.walk_forward == WindowName::Anchored { "anchored" } else { "rolling" },
        );
        option("folds", &self.folds.to_string());
        option("embargo", &format!("{}s", self.embargo.nanos() / 1_000_000_000));
        self.settings.overrides.iter().for_each(|text| option("set", text));
        option("out", &self.out.out.to_string_lossy());
        let flags = [
            ("--lhs", self.lhs),
            ("--ignore-halts", self.flags.ignore_halts),
            ("--lenient", self.flags.lenient),
        ];
        words.extend(flags.iter().filter(|(_, given)| *given).map(|(flag, _)| (*flag).to_owned()));
        words.push("-q".to_owned());
        words.join(" ")
    }
}

/// A word that a shell takes as it is.
fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
