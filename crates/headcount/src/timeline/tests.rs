//! What the recorder's bound does, and that what is written can be read; with members made up here.
