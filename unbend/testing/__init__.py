"""The contract suites, for our classes and for yours."""
