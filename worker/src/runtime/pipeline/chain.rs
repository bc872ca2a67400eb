//! The transformation chain of a connector: steps in listed order, each perhaps guarded by a predicate.

use super::{Attempt, Next, Operator, RawSource, Stage, Subject};
use crate::plugins::Plugins;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::transform::{Predicate, Slot, SlotState, Transform, apply_to_slot};
use turnbuckle_api::{Error, Props, Result};

struct Guard {
    predicate: Box<dyn Predicate>,
    negate: bool,
}

struct Step {
    class: &'static str,
    transform: Box<dyn Transform>,
    guard: Option<Guard>,
}

/// The steps that every record passes.
pub(crate) struct Chain {
    steps: Vec<Step>,
}

/// What became of a batch: how many slots from its start are good to go on, and why the next one is not.
#[derive(Debug)]
pub(crate) struct Passed {
    pub usable: usize,
    pub error: Option<Error>,
}

impl Chain {
    /// Makes the chain of a connector configuration.
    pub(crate) fn new(plugins: &Plugins, config: &Props) -> Result<Self> {
        let mut steps = Vec::new();
        for alias in list(config, "transforms") {
            let prefix = format!("transforms.{alias}.");
            let class = required(config, &format!("{prefix}type"))?;
            let plugin = plugins.transformation(class)?;
            let PluginKind::Transformation(make) = plugin.kind else {
                return Err(Error::invalid_config(
                    &format!("{prefix}type"),
                    class,
                    "not a transformation class",
                ));
            };
            let mut own = config.with_prefix(&prefix);
            for implicit in ["type", "predicate", "negate"] {
                own.remove(implicit);
            }
            steps.push(Step {
                class: plugin.class,
                transform: make(&own)?,
                guard: guard(plugins, config, &prefix)?,
            });
        }
        Ok(Chain { steps })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Moves a batch through all steps. `raw` finds the consumed record of a slot, None for sources.
    ///
    /// A slot that fails for good cuts the batch: the slots before it go on through the rest of the chain.
    pub(crate) async fn apply<'a>(
        &mut self,
        slots: &mut [Slot],
        operator: &Operator,
        raw: impl Fn(usize) -> Option<RawSource<'a>> + Send,
    ) -> Passed {
        let mut passed = Passed {
            usable: slots.len(),
            error: None,
        };
        for step in &mut self.steps {
            let usable = &mut slots[..passed.usable];
            step.run(usable);
            // Failures are rare: find them after the whole batch went through the step.
            for (index, slot) in usable.iter_mut().enumerate() {
                if !matches!(slot.state, SlotState::Failed(_)) {
                    continue;
                }
                if let Err(error) = step.settle(slot, operator, raw(index)).await {
                    passed = Passed {
                        usable: index,
                        error: Some(error),
                    };
                    break;
                }
            }
        }
        passed
    }

    pub(crate) fn close(&mut self) {
        for step in &mut self.steps {
            step.transform.close();
            if let Some(guard) = &mut step.guard {
                guard.predicate.close();
            }
        }
    }
}

impl Step {
    fn run(&mut self, slots: &mut [Slot]) {
        if self.guard.is_none() {
            self.transform.apply_batch(slots);
            return;
        }
        for slot in slots {
            self.run_guarded(slot);
        }
    }

    fn run_guarded(&mut self, slot: &mut Slot) {
        if !matches!(slot.state, SlotState::Live) {
            return;
        }
        if let Some(guard) = &mut self.guard {
            match guard.predicate.test(&slot.record) {
                Ok(met) if met != guard.negate => {}
                Ok(_) => return,
                Err(error) => {
                    slot.state = SlotState::Failed(error);
                    return;
                }
            }
        }
        apply_to_slot(self.transform.as_mut(), slot);
    }

    /// Lets the operator decide on a failed slot: it ends live, dropped, or as an error.
    async fn settle(&mut self, slot: &mut Slot, operator: &Operator, raw: Option<RawSource<'_>>) -> Result<()> {
        let mut attempt = Attempt::default();
        while let SlotState::Failed(error) = std::mem::replace(&mut slot.state, SlotState::Live) {
            let subject = match raw {
                Some(raw) => Subject::Sink(raw),
                None => Subject::Source(Some(&slot.record)),
            };
            match operator
                .failed(&mut attempt, Stage::Transformation, self.class, error, subject)
                .await?
            {
                Next::Retry => self.run_guarded(slot),
                Next::Skip => slot.state = SlotState::Dropped,
            }
            if matches!(slot.state, SlotState::Dropped) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn list(config: &Props, key: &str) -> Vec<String> {
    let text = config.get(key).unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_string)
        .collect()
}

fn required<'a>(config: &'a Props, key: &str) -> Result<&'a str> {
    config.get(key).map(str::trim).ok_or_else(|| {
        Error::config(format!(
            "Missing required configuration \"{key}\" which has no default value."
        ))
    })
}

fn guard(plugins: &Plugins, config: &Props, prefix: &str) -> Result<Option<Guard>> {
    let Some(alias) = config.get(&format!("{prefix}predicate")).map(str::trim) else {
        return Ok(None);
    };
    let negate_key = format!("{prefix}negate");
    let negate = match config.get(&negate_key).map(str::trim) {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(text) => {
            return Err(Error::invalid_config(
                &negate_key,
                text,
                "Expected value to be either true or false",
            ));
        }
    };
    let type_key = format!("predicates.{alias}.type");
    let class = required(config, &type_key)?;
    let plugin = plugins.predicate(class)?;
    let PluginKind::Predicate(make) = plugin.kind else {
        return Err(Error::invalid_config(&type_key, class, "not a predicate class"));
    };
    let mut own = config.with_prefix(&format!("predicates.{alias}."));
    own.remove("type");
    Ok(Some(Guard {
        predicate: make(&own)?,
        negate,
    }))
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.steps.iter().map(|step| step.class))
            .finish()
    }
}
