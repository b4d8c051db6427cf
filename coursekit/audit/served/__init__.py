"""The audit of a model behind an OpenAI-compatible address."""
