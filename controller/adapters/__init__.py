"""The only modules of the controller that talk to the outside."""
