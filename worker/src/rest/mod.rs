//! The REST API: handlers parse, ask the herder, render.
