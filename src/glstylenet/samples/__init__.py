"""Pictures that ship with the package for the demo; see SOURCES.md."""
