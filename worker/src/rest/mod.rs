//! The REST API: handlers parse, ask the herder, render.
//!
//! A request is judged in this order, as the JVM worker's server does: is the path one that can be understood ([`path`]); is
//! there such a resource ([`route`]); has it the method; are the media types of request and answer JSON ([`negotiate`]). Then
//! the resource's handler runs, one file each. If the herder says that another worker must do it, [`forward`] sends the
//! request there. [`answer`] turns results and errors into HTTP.

mod answer;
mod body;
mod connectors;
mod dispatch;
mod forward;
mod info;
mod internal;
mod json;
mod lifecycle;
mod loggers;
mod negotiate;
mod offsets;
mod path;
mod plugins;
mod route;
mod server;

pub use server::RestServer;

#[cfg(test)]
mod tests;
