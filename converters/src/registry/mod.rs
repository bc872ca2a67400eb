//! Schema registry client.
