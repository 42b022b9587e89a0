"""Five autonomous systems as one toolchain of composable Unix commands."""

__version__ = "0.1.0"
