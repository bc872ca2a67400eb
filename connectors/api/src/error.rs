//! The one error type. Its [`ErrorKind`] names the exception class a JVM worker would report, because status traces,
//! dead letter headers and people's alerts match on that text. An error is built where it happens, gets context on its
//! way up, and is logged once, where it is handled.

use std::fmt;

/// Result of everything that can fail in a plugin or the worker.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, named as the Java exception of that meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// `org.apache.kafka.connect.errors.ConnectException`: a task or connector can't go on.
    Connect,
    /// `org.apache.kafka.connect.errors.DataException`: a record does not fit.
    Data,
    /// `org.apache.kafka.connect.errors.SchemaBuilderException`.
    SchemaBuilder,
    /// `org.apache.kafka.connect.errors.RetriableException`: the same call may succeed later.
    Retriable,
    /// `org.apache.kafka.connect.errors.NotFoundException`.
    NotFound,
    /// `org.apache.kafka.connect.errors.AlreadyExistsException`.
    AlreadyExists,
    /// `org.apache.kafka.common.config.ConfigException`: a configuration value is wrong.
    Config,
    /// `org.apache.kafka.common.errors.SerializationException`.
    Serialization,
    /// `java.lang.IllegalArgumentException`.
    IllegalArgument,
    /// `java.lang.IllegalStateException`.
    IllegalState,
    /// `java.lang.NullPointerException`.
    NullPointer,
    /// `java.lang.ClassCastException`.
    ClassCast,
    /// Any other class, by its full name.
    Class(&'static str),
}

impl ErrorKind {
    /// Full name of the Java class.
    pub fn class_name(self) -> &'static str {
        match self {
            ErrorKind::Connect => "org.apache.kafka.connect.errors.ConnectException",
            ErrorKind::Data => "org.apache.kafka.connect.errors.DataException",
            ErrorKind::SchemaBuilder => "org.apache.kafka.connect.errors.SchemaBuilderException",
            ErrorKind::Retriable => "org.apache.kafka.connect.errors.RetriableException",
            ErrorKind::NotFound => "org.apache.kafka.connect.errors.NotFoundException",
            ErrorKind::AlreadyExists => "org.apache.kafka.connect.errors.AlreadyExistsException",
            ErrorKind::Config => "org.apache.kafka.common.config.ConfigException",
            ErrorKind::Serialization => "org.apache.kafka.common.errors.SerializationException",
            ErrorKind::IllegalArgument => "java.lang.IllegalArgumentException",
            ErrorKind::IllegalState => "java.lang.IllegalStateException",
            ErrorKind::NullPointer => "java.lang.NullPointerException",
            ErrorKind::ClassCast => "java.lang.ClassCastException",
            ErrorKind::Class(name) => name,
        }
    }
}

/// An error: kind, message (absent where Java's is null), context pairs, retriable flag, cause.
///
/// `Display` is one line, `Debug` and [`Error::trace`] are the lines of a status trace.
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Option<String>,
    context: Vec<(&'static str, String)>,
    retriable: bool,
    cause: Option<Error>,
}

impl Clone for Error {
    fn clone(&self) -> Self {
        Error(self.0.clone())
    }
}

impl Error {
    /// An error of `kind`; retriable if the kind says so.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::build(kind, Some(message.into()))
    }

    /// An error without a message, as Java exceptions sometimes are.
    pub fn without_message(kind: ErrorKind) -> Self {
        Self::build(kind, None)
    }

    fn build(kind: ErrorKind, message: Option<String>) -> Self {
        let retriable = kind == ErrorKind::Retriable;
        Error(Box::new(Inner {
            kind,
            message,
            context: Vec::new(),
            retriable,
            cause: None,
        }))
    }

    /// `ConnectException`.
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Connect, message)
    }

    /// `DataException`.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// `ConfigException` with a text of its own.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// `ConfigException` in the form all configuration errors have:
    /// `Invalid value V for configuration K: detail`.
    pub fn invalid_config(key: &str, value: impl fmt::Display, detail: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Config,
            format!("Invalid value {value} for configuration {key}: {detail}"),
        )
    }

    /// `RetriableException`.
    pub fn retriable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Retriable, message)
    }

    /// Wraps `cause` beneath a new error, as `new XException(message, cause)` does.
    pub fn wrap(kind: ErrorKind, message: impl Into<String>, cause: impl Into<Error>) -> Self {
        Self::new(kind, message).with_cause(cause)
    }

    /// Sets the cause.
    pub fn with_cause(mut self, cause: impl Into<Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds a fact that helps a reader (topic, table, offset); never a secret.
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Marks whether the same call may succeed later.
    pub fn with_retriable(mut self, retriable: bool) -> Self {
        self.0.retriable = retriable;
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Full Java class name of the kind.
    pub fn class_name(&self) -> &'static str {
        self.0.kind.class_name()
    }

    /// The message, if there is one.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    pub fn cause(&self) -> Option<&Error> {
        self.0.cause.as_ref()
    }

    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// `class: message`, Java's `Throwable.toString`.
    pub fn headline(&self) -> String {
        match &self.0.message {
            Some(message) => format!("{}: {}", self.class_name(), message),
            None => self.class_name().to_string(),
        }
    }

    /// The text of a status trace: the headline, context as indented lines, then each cause.
    pub fn trace(&self) -> String {
        let mut text = String::new();
        let mut current = Some(self);
        while let Some(error) = current {
            if !text.is_empty() {
                text.push_str("Caused by: ");
            }
            text.push_str(&error.headline());
            text.push('\n');
            for (key, value) in &error.0.context {
                text.push_str(&format!("\tat {key}={value}\n"));
            }
            current = error.cause();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.message {
            Some(message) => f.write_str(message)?,
            None => f.write_str(self.class_name())?,
        }
        for (key, value) in &self.0.context {
            write!(f, " ({key}={value})")?;
        }
        if let Some(cause) = &self.0.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.trace())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::new(ErrorKind::Class("java.io.IOException"), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_names_every_cause() {
        let error = Error::connect("Tolerance exceeded in error handler")
            .with_cause(Error::data("Unknown magic byte!").with_context("topic", "bets"));
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
             Caused by: org.apache.kafka.connect.errors.DataException: Unknown magic byte!\n\tat topic=bets\n"
        );
        assert_eq!(
            error.to_string(),
            "Tolerance exceeded in error handler: Unknown magic byte! (topic=bets)"
        );
    }

    #[test]
    fn only_retriable_errors_start_retriable() {
        assert!(Error::retriable("later").is_retriable());
        assert!(!Error::data("never").is_retriable());
        assert!(Error::connect("broker away").with_retriable(true).is_retriable());
    }
}
