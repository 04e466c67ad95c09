"""How runs end that do not end well."""
