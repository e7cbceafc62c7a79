//! The network: contacts and the sync sessions over them.
