"""Networks that others have trained: model files of several formats become one float graph. Nothing is trained."""
