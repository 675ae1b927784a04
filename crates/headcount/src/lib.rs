//! Wait for many things at once, and know who is missing.
