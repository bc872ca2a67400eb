//! Topic filters: what a subscription may ask for, and how filters are divided among tasks.

use turnbuckle_api::{Error, Result};

const KEY: &str = "mqtt.topics";

/// A valid filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
    shared: bool,
}

impl Filter {
    /// Checks a filter: `+` and `#` stand alone in their levels, `#` in the last one, and a shared subscription is
    /// `$share/group/filter`.
    ///
    /// # Errors
    /// `ConfigException` that names the text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |detail: &str| Err(Error::invalid_config(KEY, text, detail));
        let shared = text == "$share" || text.starts_with("$share/");
        let filter = match text.strip_prefix("$share/") {
            None if shared => return wrong("a shared subscription is $share/group/filter"),
            None => text,
            Some(rest) => match rest.split_once('/') {
                Some((group, filter)) if !group.is_empty() && !group.contains(['+', '#']) => filter,
                _ => return wrong("a shared subscription is $share/group/filter"),
            },
        };
        if filter.is_empty() {
            return wrong("a filter must not be empty");
        }
        if filter.len() > usize::from(u16::MAX) || filter.contains('\0') {
            return wrong("a filter has at most 65535 bytes, none of them zero");
        }
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return wrong("# must be the last level and stand alone in it");
            }
            if level.contains('+') && level != "+" {
                return wrong("+ must stand alone in its level");
            }
        }
        Ok(Filter {
            text: text.to_string(),
            shared,
        })
    }
}

/// The filters of each task: a shared subscription goes to all tasks, the others are divided evenly, neighbours staying
/// together. There are as many tasks as have something to do, at most `max_tasks`.
///
/// # Errors
/// `ConfigException` for a text that is no filter.
pub(crate) fn divide(filters: &[String], max_tasks: usize) -> Result<Vec<Vec<String>>> {
    let parsed: Vec<Filter> = filters.iter().map(|text| Filter::parse(text)).collect::<Result<_>>()?;
    let (shared, own): (Vec<Filter>, Vec<Filter>) = parsed.into_iter().partition(|filter| filter.shared);
    let max_tasks = max_tasks.max(1);
    let tasks = match shared.is_empty() {
        true => own.len().min(max_tasks),
        false => max_tasks,
    };
    let mut groups = Vec::with_capacity(tasks);
    let mut own = own.into_iter();
    for task in 0..tasks {
        let (left, tasks_left) = (own.len(), tasks - task);
        let mut group: Vec<String> = shared.iter().map(|filter| filter.text.clone()).collect();
        group.extend(own.by_ref().take(left.div_ceil(tasks_left)).map(|filter| filter.text));
        groups.push(group);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filters_are_checked() {
        for text in [
            "a",
            "/",
            "/a/+/b/#",
            "#",
            "+",
            "a//b",
            "$SYS/#",
            "$share/g/a/#",
            "$share/g//a",
            "grün/ä",
        ] {
            assert!(Filter::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a#",
            "#/a",
            "a/#/b",
            "a+",
            "a/b+/c",
            "$share",
            "$share/g",
            "$share//a",
            "$share/g+/a",
            "$share/g/",
            "a\0",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn filters_are_divided() {
        let divided = |filters: &[&str], tasks| {
            let filters: Vec<String> = filters.iter().map(|text| text.to_string()).collect();
            let groups = divide(&filters, tasks).unwrap();
            groups.iter().map(|group| group.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(divided(&["a", "b", "c"], 2), ["a b", "c"]);
        assert_eq!(divided(&["a", "b"], 5), ["a", "b"]);
        assert_eq!(divided(&["a"], 0), ["a"]);
        assert_eq!(divided(&["$share/g/a"], 2), ["$share/g/a", "$share/g/a"]);
        assert_eq!(divided(&["b", "$share/g/a"], 2), ["$share/g/a b", "$share/g/a"]);
    }

    proptest! {
        #[test]
        fn every_filter_has_one_task(count in 1usize..40, tasks in 1usize..20) {
            let filters: Vec<String> = (0..count).map(|n| format!("t/{n}")).collect();
            let groups = divide(&filters, tasks).unwrap();
            prop_assert_eq!(groups.len(), count.min(tasks));
            let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            prop_assert_eq!(groups.concat(), filters);
        }
    }
}
