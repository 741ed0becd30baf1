"""The command line: one clear sentence for what cannot work, before anything heavy is imported."""
