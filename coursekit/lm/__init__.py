"""Part I: a language model from scratch, one module for each notebook from 01 to 06."""
