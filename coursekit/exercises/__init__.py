"""The engine that checks answers: what an exercise is, and how one is written (`engine`).

The exercises themselves stand with their notebooks: `coursekit.chapters.NAME.exercises`.
"""
