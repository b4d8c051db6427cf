"""Results that exist already, read into the form that a report is made of."""
