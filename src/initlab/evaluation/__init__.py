"""What a trained model does on the test set: figures, and pictures of where it fails."""

from initlab.evaluation.evaluate import evaluate

__all__ = ["evaluate"]
