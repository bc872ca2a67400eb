//! The runtime carries records: it starts, supervises and stops connector instances and tasks on this worker.
