//! Faults of the disk, played to the writer.
