"""The shared ground: records, streams, errors, paths, the clock. Imports nothing of ours."""
