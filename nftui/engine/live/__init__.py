"""The live window: rates and rankings of the last seconds."""
