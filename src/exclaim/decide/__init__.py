"""The decision service: store, rules, incidents, notifiers, the web page. Imports neither sense nor edge."""
