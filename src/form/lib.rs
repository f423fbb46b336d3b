//! Form
