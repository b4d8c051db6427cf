"""Settings of the whole test session, notebooks included."""

import os
import tempfile

# A test must never write into the learner's own progress. Notebook kernels inherit this.
os.environ["COURSEKIT_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")
