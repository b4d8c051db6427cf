"""What nbval compares when it runs a notebook."""

from nbval.plugin import IPyNbFile


def pytest_collection_modifyitems(items):
    """Leave out the HTML of figures, which holds their pixels; their texts are compared."""
    for notebook in {item.parent for item in items if isinstance(item.parent, IPyNbFile)}:
        notebook.skip_compare += ("text/html",)
