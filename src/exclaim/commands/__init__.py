"""One file per verb of the command line, thin: options in, a call below, a table or JSON out. No logic lives here."""
